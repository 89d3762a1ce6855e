"""What will fail or is weak about a client, and what to do about it, before anybody tries.

Each check is a function of what was `Seen` and yields `Advice`. To add one: write it, put it in
CHECKS, test it. RFC 9700; OIDC Dynamic Client Registration §2.
"""

from collections.abc import Callable, Iterable, Iterator
from copy import copy
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import IntEnum

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from idp import policy
from idp.clients import reach, secrets
from idp.clients.misses import Miss, misses
from idp.models import Client, ClientSecret, Event
from idp.protocol.vocabulary import OFFLINE_ACCESS

#: How far back denials are looked at, and how many of them.
LATELY = timedelta(days=30)
_DENIALS = 200
#: A secret is to be replaced after this, …
SECRETS_GO_ON_FOR = timedelta(days=365)
#: … is likely forgotten when it was not used for this, …
SECRETS_FORGOTTEN = timedelta(days=90)
#: … and its end is told of this long before.
SECRETS_END_SOON = timedelta(days=14)
_MANY_WRONG_SECRETS = 3
_LOCAL = ("http://localhost", "http://127.0.0.1", "http://[::1]")


class Weight(IntEnum):
    """How much something matters."""

    FAILS = 1
    WEAK = 2
    BETTER = 3


@dataclass(frozen=True)
class Advice:
    """Something to improve: what it is, what to do, and the field that it is about."""

    weight: Weight
    what: str
    do: str
    field: str = ""
    #: More about it, a line each.
    more: tuple[str, ...] = ()


@dataclass(frozen=True)
class Seen:
    """What is known of a client at a time; checks look at nothing else."""

    client: Client
    now: datetime
    #: Those that are valid.
    secrets: tuple[ClientSecret, ...] = ()
    can_sign: bool = True
    #: What saving it as it is would be refused for, by column.
    refused: tuple[tuple[str, str], ...] = ()
    misses: tuple[Miss, ...] = ()
    wrong_secrets: int = 0

    @property
    def signs_people_in(self) -> bool:
        """Whether people are sent here by it."""
        return bool({"authorization_code", "implicit"} & set(self.client.grant_types))

    @property
    def proves_itself_by_secret(self) -> bool:
        """Whether a secret is what it authenticates with."""
        return bool(self.client.token_endpoint_auth_method.startswith("client_secret_"))


Check = Callable[[Seen], Iterator[Advice]]


def advice_for(client: Client, now: datetime) -> list[Advice]:
    """Return what there is to improve about a client, what fails first. Fetches nothing."""
    seen = look(client, now)
    return sorted(advice_of(seen), key=lambda advice: advice.weight)


def advice_of(seen: Seen) -> Iterator[Advice]:
    """Return what every check says."""
    for check in CHECKS:
        yield from check(seen)


def look(client: Client, now: datetime) -> Seen:
    """Gather what the checks look at, in a few statements whatever the client has been through."""
    denials = Event.objects.filter(client_id=client.client_id, kind=Event.Kind.DENIED)
    recent = [event for event in denials.order_by("-id")[:_DENIALS] if event.at > now - LATELY]
    valid = (row for row in client.secrets.all() if row.expires_at is None or row.expires_at > now)
    return Seen(
        client,
        now,
        secrets=tuple(valid),
        can_sign=secrets.can_sign(client),
        refused=tuple(_refused(client)),
        misses=tuple(misses(client, recent)),
        wrong_secrets=_wrong_secrets(recent),
    )


def _refused(client: Client) -> Iterator[tuple[str, str]]:
    try:
        copy(client).full_clean(validate_unique=False, validate_constraints=False)
    except ValidationError as error:
        for column, problems in error.message_dict.items():
            yield from ((column, problem) for problem in problems)


def _wrong_secrets(denials: Iterable[Event]) -> int:
    by_secret = (e for e in denials if str(e.details.get("check")).endswith("_secret_is_right"))
    return sum(event.times for event in by_secret)


# --- what fails ---------------------------------------------------------------------------------


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


# --- what is weak -------------------------------------------------------------------------------


def has_a_secret_that_goes_on(seen: Seen) -> Iterator[Advice]:
    """Somebody has to put the next one into the app in time."""
    ends = [row.expires_at for row in seen.secrets]
    if not ends or None in ends:
        return
    last = max(end for end in ends if end is not None)
    if last - seen.now < SECRETS_END_SOON:
        yield Advice(
            Weight.WEAK,
            _("Its last secret ends on %(at)s; after that the app is refused.")
            % {"at": f"{last:%Y-%m-%d %H:%M}"},
            _("Make a new secret, and put it into the app before."),
        )


def changes_its_secret(seen: Seen) -> Iterator[Advice]:
    """ASVS 13.3.4: what may have been copied somewhere is replaced from time to time."""
    old = [row for row in seen.secrets if seen.now - row.created_at > SECRETS_GO_ON_FOR]
    if old and len(old) == len(seen.secrets):
        yield Advice(
            Weight.WEAK,
            _("Its secret has not been changed since %(at)s.")
            % {"at": f"{min(row.created_at for row in old):%Y-%m-%d}"},
            _(
                "Make a new secret while the old one goes on, put it into the app, and remove the "
                "old one."
            ),
        )


def uses_its_secrets(seen: Seen) -> Iterator[Advice]:
    """A secret that nobody needs can only be stolen."""
    if not seen.proves_itself_by_secret:
        return
    for row in seen.secrets:
        used = row.last_used_at or row.created_at
        if seen.now - used > SECRETS_FORGOTTEN:
            yield Advice(
                Weight.WEAK,
                _("The secret of %(made)s has not been used since %(used)s.")
                % {"made": f"{row.created_at:%Y-%m-%d}", "used": f"{used:%Y-%m-%d}"},
                _("Remove the secret, or disable the app if nobody uses it."),
            )


def uses_pkce(seen: Seen) -> Iterator[Advice]:
    """RFC 9700 §2.1.1."""
    if "authorization_code" in seen.client.grant_types and not seen.client.pkce_required:
        yield Advice(
            Weight.WEAK,
            _("It may sign people in without PKCE: a stolen code would be of use to others."),
            _(
                "Turn PKCE on in the app (its library has a switch for it), and then choose the "
                "recommended profile."
            ),
            "profile",
        )


def is_no_legacy(seen: Seen) -> Iterator[Advice]:
    """RFC 9700 §2.1.2, §2.4."""
    if "implicit" in seen.client.grant_types:
        yield Advice(
            Weight.WEAK,
            _("It gets tokens in an address (implicit), where others can read them."),
            _("Let the app use the code flow with PKCE; then untick implicit."),
            "grant_types",
        )
    if "password" in seen.client.grant_types:
        yield Advice(
            Weight.WEAK,
            _("It asks people for their password itself: no second factor, and it could keep it."),
            _("Let the app send people here to sign in; then untick password."),
            "grant_types",
        )


def is_not_easily_impersonated(seen: Seen) -> Iterator[Advice]:
    """RFC 8252 §8.6: nobody knows which app on a device opened the browser."""
    client = seen.client
    native = client.application_type == Client.ApplicationType.NATIVE
    if native and client.is_public and client.skip_authorization and seen.signs_people_in:
        yield Advice(
            Weight.WEAK,
            _("Another app on the same device could pretend to be it, and nobody would be asked."),
            _("Untick “Your own app”, so that people agree before something is given away."),
            "skip_authorization",
        )


def lives_where_people_are(seen: Seen) -> Iterator[Advice]:
    """RFC 8252 §8.3; a developer's address has no place in an app that others use."""
    client = seen.client
    local = [uri for uri in client.redirect_uris if uri.startswith(_LOCAL)]
    if client.application_type == Client.ApplicationType.NATIVE:
        named = [uri for uri in local if uri.startswith(_LOCAL[0])]
        if named:
            yield Advice(
                Weight.BETTER,
                _("%(uri)s names the device by localhost, which can lead elsewhere.")
                % {"uri": named[0]},
                _("Use http://127.0.0.1 in the app and here."),
                "redirect_uris",
            )
    elif local:
        yield Advice(
            Weight.WEAK,
            _("%(uri)s is on the developer’s own machine, and without https.") % {"uri": local[0]},
            _("Remove it from an app that others use, and register another app for development."),
            "redirect_uris",
        )


# --- what could be better -----------------------------------------------------------------------


def signs_with_a_key_of_its_own_kind(seen: Seen) -> Iterator[Advice]:
    """OIDC Core §10.1: who can check such a signature can make one."""
    client = seen.client
    shared = {client.id_token_signed_response_alg, client.userinfo_signed_response_alg}
    found = sorted(shared & set(policy.MAC_ALGORITHMS))
    if found:
        yield Advice(
            Weight.BETTER,
            _("What it is told is signed with its secret (%(alg)s): whoever has that can forge it.")
            % {"alg": found[0]},
            _("RS256 suits nearly every app."),
            "id_token_signed_response_alg",
        )


def gets_what_it_may_ask_for(seen: Seen) -> Iterator[Advice]:
    """OIDC Core §11."""
    client = seen.client
    if OFFLINE_ACCESS in client.scopes and "refresh_token" not in client.grant_types:
        yield Advice(
            Weight.BETTER,
            _("It may ask for offline_access, but never gets a refresh token."),
            _("Tick that it can stay signed in, or remove the scope."),
            "grant_types",
        )


def is_introduced_to_people(seen: Seen) -> Iterator[Advice]:
    """OIDC Dynamic Client Registration §2: what people read before they agree."""
    client = seen.client
    if not seen.signs_people_in:
        return
    if not client.name:
        yield Advice(
            Weight.BETTER,
            _("It has no name: people are asked to trust %(id)s.") % {"id": client.client_id},
            _("Give it the name that people know it by."),
            "name",
        )
    entered = client.registration_source == Client.RegistrationSource.MANUAL
    wanted = {
        "logo_uri": (_("a logo"), entered and not client.skip_authorization),
        "client_uri": (_("a home page, which error pages lead back to"), entered),
        "policy_uri": (_("a privacy policy"), not client.skip_authorization),
        "tos_uri": (_("terms of service"), not client.skip_authorization),
    }
    lacking = {
        field: words
        for field, (words, shown) in wanted.items()
        if shown and not getattr(client, field)
    }
    if lacking:
        yield Advice(
            Weight.BETTER,
            _("People are not shown %(what)s.") % {"what": "; ".join(lacking.values())},
            _("Ask the app’s makers for the addresses, and enter them."),
            min(lacking),
        )


def has_somebody_who_cares(seen: Seen) -> Iterator[Advice]:
    """Errors are best read by whoever can correct them."""
    if seen.client.user_id is None and not seen.client.contacts:
        yield Advice(
            Weight.BETTER,
            _("Nobody is named who looks after it."),
            _("Enter its owner, who then sees its errors, or the makers’ e-mail addresses."),
            "user",
        )


CHECKS: tuple[Check, ...] = (
    is_enabled,
    does_something,
    sends_registered_addresses,
    has_a_secret,
    sends_the_right_secret,
    has_keys_for_what_it_does,
    would_be_saved,
    has_a_secret_that_goes_on,
    changes_its_secret,
    uses_its_secrets,
    uses_pkce,
    is_no_legacy,
    is_not_easily_impersonated,
    lives_where_people_are,
    signs_with_a_key_of_its_own_kind,
    gets_what_it_may_ask_for,
    is_introduced_to_people,
    has_somebody_who_cares,
)
