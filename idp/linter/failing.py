"""Findings that fail now, or at the next attempt."""

from collections.abc import Iterator

from django.utils.translation import gettext as _

from idp import policy
from idp.linter import remote_checks
from idp.linter.facts import Facts, Finding, Severity

_MANY_WRONG_SECRETS = 3


def is_enabled(facts: Facts) -> Iterator[Finding]:
    """A disabled client is refused everywhere."""
    if not facts.client.enabled:
        yield Finding(
            Severity.FAILING,
            _("It is disabled: no user can sign in with it, and its tokens are refused."),
            _("Enable it, or delete it if it is not coming back."),
        )


def does_something(facts: Facts) -> Iterator[Finding]:
    """RFC 7591 §2: without a grant type there is no token."""
    if not facts.client.grant_types:
        yield Finding(
            Severity.FAILING,
            _("It may do nothing: no grant type is ticked."),
            _("Tick what it does, most likely that users sign in with it."),
            "grant_types",
        )
    elif facts.signs_users_in and not facts.client.redirect_uris:
        yield Finding(
            Severity.FAILING,
            _("No user can sign in with it: it has no redirect URI."),
            _("Enter the address of the app that users return to after signing in."),
            "redirect_uris",
        )


def would_be_saved(facts: Facts) -> Iterator[Finding]:
    """A saved client may be invalid by now: a scope was deleted, a rule was added."""
    for column, problem in facts.refused:
        if column == "redirect_uris" and not facts.client.redirect_uris:
            continue  # Reported by a more specific finding above.
        yield Finding(
            Severity.FAILING,
            _("As it is, it could not be saved: %(problem)s") % {"problem": problem},
            _("Change this field; until then no other change of the app can be saved."),
            "" if column == "__all__" else column,
        )


def sends_registered_addresses(facts: Facts) -> Iterator[Finding]:
    """OIDC Core §3.1.2.1: compared character by character."""
    for miss in facts.near_misses:
        comparison = miss.comparison
        nearest = _("The most similar one that is registered: %(uri)s")
        came = _(
            "%(uri)s is not registered: requests with it were rejected (times lately: %(times)d), "
            "last on %(at)s."
        )
        yield Finding(
            Severity.FAILING,
            came % {"uri": miss.uri, "times": miss.times, "at": f"{miss.at:%Y-%m-%d}"},
            _("If it is an address of this app, register it; otherwise correct it in the app."),
            f"{comparison.parameter}s",
            (
                *([nearest % {"uri": comparison.nearest}] if comparison.nearest else []),
                *comparison.differences,
            ),
        )


def has_a_secret(facts: Facts) -> Iterator[Finding]:
    """RFC 6749 §2.3.1, OIDC Core §10.1."""
    if not facts.client.needs_secret:
        return
    if not facts.secrets:
        yield Finding(
            Severity.FAILING,
            _("It has no valid secret: every request of the app for tokens is refused."),
            _("Make a secret on the page of its secrets, and put it into the app."),
        )
    elif not facts.can_sign:
        yield Finding(
            Severity.FAILING,
            _("It is to use its secret as a key, but the secret it has cannot be used so."),
            _("Make a new secret, or choose an algorithm such as RS256 that needs none."),
            "id_token_signed_response_alg",
        )


def sends_the_right_secret(facts: Facts) -> Iterator[Finding]:
    """A secret that is refused repeatedly is an old one, or that of another client."""
    if facts.wrong_secrets >= _MANY_WRONG_SECRETS:
        yield Finding(
            Severity.FAILING,
            _("A wrong secret came %(times)d times in the last 30 days.")
            % {"times": facts.wrong_secrets},
            _(
                "Look under Errors where it comes from. If it is the app, give it a new secret; "
                "if it is not, an attacker is guessing."
            ),
        )


def sends_code_challenges(facts: Facts) -> Iterator[Finding]:
    """RFC 9700 §2.1.1: requests without PKCE are refused, unless a nonce stands in."""
    if facts.refused_without_pkce:
        nonce = _("An app with a secret may send a nonce with the scope openid instead.")
        yield Finding(
            Severity.FAILING,
            _("Requests without PKCE were rejected (times lately: %(times)d).")
            % {"times": facts.refused_without_pkce},
            _("Switch PKCE on in the app, with the method S256: its library has a switch for it."),
            "profile",
            () if facts.client.pkce_required else (nonce,),
        )


def has_keys_for_what_it_does(facts: Facts) -> Iterator[Finding]:
    """RFC 7517 §4.2: a key for another use verifies nothing. `remote_checks` fetch jwks_uri."""
    registered = (facts.client.jwks or {}).get("keys", [])
    if registered and not facts.client.jwks_uri:
        for problem in remote_checks.problems_with_keys(facts.client, registered):
            yield Finding(
                Severity.FAILING,
                _("Its public keys (jwks) are not of use: %(problem)s") % {"problem": problem},
                _("Ask the app’s makers for their present public keys."),
                "jwks",
            )


def uses_certificates_that_come(facts: Facts) -> Iterator[Finding]:
    """RFC 8705 §2, §3: a certificate comes from a reverse proxy, or not at all."""
    client, method = facts.client, facts.client.token_endpoint_auth_method
    setting = "IDP_CLIENT_CERTIFICATE_HEADER"
    if policy.CLIENT_CERTIFICATES:
        setting = "IDP_CLIENT_CERTIFICATE_VERIFIED_HEADER"
    proves = method in policy.CERTIFICATE_METHODS
    if proves and method not in policy.OFFERED_AUTHENTICATION_METHODS:
        yield Finding(
            Severity.FAILING,
            _("It proves itself with a TLS certificate, and none reaches this server."),
            _("Set up the reverse proxy and %(setting)s, or choose another client authentication.")
            % {"setting": setting},
            "token_endpoint_auth_method",
        )
    elif client.uses_certificates and not policy.CLIENT_CERTIFICATES:
        yield Finding(
            Severity.FAILING,
            _("Its tokens are bound to a TLS certificate, and none reaches this server."),
            _("Set up the reverse proxy and %(setting)s, or switch this off.")
            % {"setting": setting},
            "tls_client_certificate_bound_access_tokens",
        )


def answers_logout_notifications(facts: Facts) -> Iterator[Finding]:
    """OIDC Back-Channel Logout §2.8: a client that is not notified keeps its users signed in."""
    if facts.client.backchannel_logout_uri and facts.failed_notification:
        yield Finding(
            Severity.FAILING,
            _("It could not be notified of the last sign-out: %(problem)s")
            % {"problem": facts.failed_notification},
            _("Have its makers look at that address, then use “Test its sign-out”."),
            "backchannel_logout_uri",
        )


def learns_of_answers(facts: Facts) -> Iterator[Finding]:
    """OIDC CIBA §10.2: a client that is not told waits in vain, unless it polls as well."""
    if facts.failed_ping:
        yield Finding(
            Severity.FAILING,
            _("It could not be told of the last answer of a user: %(problem)s")
            % {"problem": facts.failed_ping},
            _("Have its makers look at that address, or choose poll."),
            "backchannel_client_notification_endpoint",
        )
