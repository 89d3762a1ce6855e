"""What fails, or would as soon as somebody tries."""

from collections.abc import Iterator

from django.utils.translation import gettext as _

from idp.clients import reach
from idp.clients.lint.seen import Advice, Seen, Weight

_MANY_WRONG_SECRETS = 3


def is_enabled(seen: Seen) -> Iterator[Advice]:
    """A client that is off answers nobody."""
    if not seen.client.enabled:
        yield Advice(
            Weight.FAILS,
            _("It is disabled: nobody can sign in with it, and its tokens are refused."),
            _("Enable it, or delete it if it is not coming back."),
        )


def does_something(seen: Seen) -> Iterator[Advice]:
    """RFC 7591 §2: without a grant type there is no token."""
    if not seen.client.grant_types:
        yield Advice(
            Weight.FAILS,
            _("It may do nothing: no grant type is ticked."),
            _("Tick what it does, most likely that people sign in with it."),
            "grant_types",
        )
    elif seen.signs_people_in and not seen.client.redirect_uris:
        yield Advice(
            Weight.FAILS,
            _("Nobody can sign in with it: it has no redirect URI."),
            _("Enter the address of the app that people return to after signing in."),
            "redirect_uris",
        )


def would_be_saved(seen: Seen) -> Iterator[Advice]:
    """What was sound once may not be any more: a scope is gone, a rule has come."""
    for column, problem in seen.refused:
        if column == "redirect_uris" and not seen.client.redirect_uris:
            continue  # told in better words above
        yield Advice(
            Weight.FAILS,
            _("As it is, it could not be saved: %(problem)s") % {"problem": problem},
            _("Change this field; until then no other change of the app can be saved."),
            "" if column == "__all__" else column,
        )


def sends_registered_addresses(seen: Seen) -> Iterator[Advice]:
    """OIDC Core §3.1.2.1: compared character by character."""
    for miss in seen.misses:
        comparison = miss.comparison
        nearest = _("The most similar one that is registered: %(uri)s")
        came = _(
            "%(uri)s is not registered: people were turned away (times lately: %(times)d), last on "
            "%(at)s."
        )
        yield Advice(
            Weight.FAILS,
            came % {"uri": miss.uri, "times": miss.times, "at": f"{miss.at:%Y-%m-%d}"},
            _("If it is an address of this app, register it; otherwise correct it in the app."),
            f"{comparison.parameter}s",
            (
                *([nearest % {"uri": comparison.nearest}] if comparison.nearest else []),
                *comparison.differences,
            ),
        )


def has_a_secret(seen: Seen) -> Iterator[Advice]:
    """RFC 6749 §2.3.1, OIDC Core §10.1."""
    if not seen.client.needs_secret:
        return
    if not seen.secrets:
        yield Advice(
            Weight.FAILS,
            _("It has no valid secret: every request of the app for tokens is refused."),
            _("Make a secret on the page of its secrets, and put it into the app."),
        )
    elif not seen.can_sign:
        yield Advice(
            Weight.FAILS,
            _("It is to use its secret as a key, but the secret it has cannot be used so."),
            _("Make a new secret, or choose an algorithm such as RS256 that needs none."),
            "id_token_signed_response_alg",
        )


def sends_the_right_secret(seen: Seen) -> Iterator[Advice]:
    """A secret that is refused again and again is an old one, or somebody else's."""
    if seen.wrong_secrets >= _MANY_WRONG_SECRETS:
        yield Advice(
            Weight.FAILS,
            _("A wrong secret came %(times)d times in the last 30 days.")
            % {"times": seen.wrong_secrets},
            _(
                "Look under Errors where it comes from. If it is the app, give it a new secret; "
                "if it is not, somebody is trying."
            ),
        )


def has_keys_for_what_it_does(seen: Seen) -> Iterator[Advice]:
    """RFC 7517 §4.2: a key for something else proves nothing. Those at jwks_uri: see `reach`."""
    registered = (seen.client.jwks or {}).get("keys", [])
    if registered and not seen.client.jwks_uri:
        for problem in reach.problems_with_keys(seen.client, registered):
            yield Advice(
                Weight.FAILS,
                _("Its public keys (jwks) are not of use: %(problem)s") % {"problem": problem},
                _("Ask the app’s makers for their present public keys."),
                "jwks",
            )


def answers_when_told_of_sign_outs(seen: Seen) -> Iterator[Advice]:
    """OIDC Back-Channel Logout §2.8: who is not told stays signed in there."""
    if seen.client.backchannel_logout_uri and seen.not_told:
        yield Advice(
            Weight.FAILS,
            _("It could not be told of the last sign-out: %(problem)s")
            % {"problem": seen.not_told},
            _("Have its makers look at that address, then use “Test its sign-out”."),
            "backchannel_logout_uri",
        )
