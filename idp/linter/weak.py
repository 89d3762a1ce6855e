"""Findings that work, but are weaker than necessary. RFC 9700."""

from collections.abc import Iterator
from datetime import timedelta

from django.utils.translation import gettext as _

from idp import policy
from idp.linter.facts import Facts, Finding, Severity
from idp.models import Client

#: A secret is to be replaced after this, …
SECRETS_GO_ON_FOR = timedelta(days=365)
#: … is likely forgotten when it was not used for this, …
SECRETS_FORGOTTEN = timedelta(days=90)
#: … and its end is reported this long before.
SECRETS_END_SOON = timedelta(days=14)
_LOCAL = ("http://localhost", "http://127.0.0.1", "http://[::1]")


def has_a_secret_that_stays_valid(facts: Facts) -> Iterator[Finding]:
    """Its last secret must not expire soon: the client would be refused."""
    ends = [row.expires_at for row in facts.secrets]
    if not ends or None in ends:
        return
    last = max(end for end in ends if end is not None)
    if last - facts.now < SECRETS_END_SOON:
        yield Finding(
            Severity.WEAK,
            _("Its last secret ends on %(at)s; after that the app is refused.")
            % {"at": f"{last:%Y-%m-%d %H:%M}"},
            _("Make a new secret, and put it into the app before."),
        )


def changes_its_secret(facts: Facts) -> Iterator[Finding]:
    """ASVS 13.3.4: secrets that may have been copied are replaced regularly."""
    old = [row for row in facts.secrets if facts.now - row.created_at > SECRETS_GO_ON_FOR]
    if old and len(old) == len(facts.secrets):
        yield Finding(
            Severity.WEAK,
            _("Its secret has not been changed since %(at)s.")
            % {"at": f"{min(row.created_at for row in old):%Y-%m-%d}"},
            _(
                "Make a new secret while the old one goes on, put it into the app, and remove the "
                "old one."
            ),
        )


def uses_its_secrets(facts: Facts) -> Iterator[Finding]:
    """A secret that is not needed can only be stolen."""
    if not facts.authenticates_by_secret:
        return
    for row in facts.secrets:
        used = row.last_used_at or row.created_at
        if facts.now - used > SECRETS_FORGOTTEN:
            yield Finding(
                Severity.WEAK,
                _("The secret of %(made)s has not been used since %(used)s.")
                % {"made": f"{row.created_at:%Y-%m-%d}", "used": f"{used:%Y-%m-%d}"},
                _("Remove the secret, or disable the app if it is not used."),
            )


def uses_pkce(facts: Facts) -> Iterator[Finding]:
    """RFC 9700 §2.1.1: a nonce protects as well, if the app compares it."""
    if "authorization_code" not in facts.client.grant_types:
        return
    if not facts.client.pkce_or_nonce_required:
        yield Finding(
            Severity.WEAK,
            _("It may sign users in without PKCE: a stolen code would be of use to others."),
            _(
                "Turn PKCE on in the app (its library has a switch for it), and then choose the "
                "recommended profile."
            ),
            "profile",
        )
    elif facts.goes_without_pkce:
        yield Finding(
            Severity.SUGGESTED,
            _("It signs users in without PKCE: only a nonce tells it a stolen code from its own."),
            _(
                "Turn PKCE on in the app (its library has a switch for it): then codes are safe "
                "even if the app does not compare the nonce."
            ),
        )


def is_no_legacy(facts: Facts) -> Iterator[Finding]:
    """RFC 9700 §2.1.2, §2.4."""
    if "implicit" in facts.client.grant_types:
        yield Finding(
            Severity.WEAK,
            _("It gets tokens in an address (implicit), where others can read them."),
            _("Let the app use the code flow with PKCE; then untick implicit."),
            "grant_types",
        )
    if "password" in facts.client.grant_types:
        yield Finding(
            Severity.WEAK,
            _("It asks users for their password itself: no second factor, and it could keep it."),
            _("Let the app send users here to sign in; then untick password."),
            "grant_types",
        )


def gets_tokens_for_a_short_time(facts: Facts) -> Iterator[Finding]:
    """RFC 9700 §4.3: a stolen access token is of use until it expires."""
    own = facts.client.access_token_lifetime
    usual = int(policy.ACCESS_TOKEN_LIFETIME.total_seconds())
    if own is not None and own > usual:
        yield Finding(
            Severity.WEAK,
            _("Its access tokens live for %(own)d seconds: a stolen one can be used as long.")
            % {"own": own},
            _("Let them live for an hour at most, and the app stay signed in by refresh tokens."),
            "access_token_lifetime",
        )


def is_not_easily_impersonated(facts: Facts) -> Iterator[Finding]:
    """RFC 8252 §8.6: any app on a device could have opened the browser."""
    client = facts.client
    native = client.application_type == Client.ApplicationType.NATIVE
    if not (native and client.is_public and client.skip_authorization and facts.signs_users_in):
        return
    problem = _(
        "Another app on the same device could pretend to be it, and no user would be asked."
    )
    if not client.native_sso_group:
        remedy = _("Untick “Your own app”, so that users agree before something is given away.")
        yield Finding(Severity.WEAK, problem, remedy, "skip_authorization")
    elif not all(uri.startswith("https://") for uri in client.redirect_uris):
        remedy = _("Bring users back by https addresses that the device reserves for the app.")
        yield Finding(Severity.WEAK, problem, remedy, "redirect_uris")


def has_no_local_redirect_uri(facts: Facts) -> Iterator[Finding]:
    """RFC 8252 §8.3; a developer's address has no place in an app that others use."""
    client = facts.client
    local = [uri for uri in client.redirect_uris if uri.startswith(_LOCAL)]
    if client.application_type == Client.ApplicationType.NATIVE:
        named = [uri for uri in local if uri.startswith(_LOCAL[0])]
        if named:
            yield Finding(
                Severity.SUGGESTED,
                _("%(uri)s names the device by localhost, which can lead elsewhere.")
                % {"uri": named[0]},
                _("Use http://127.0.0.1 in the app and here."),
                "redirect_uris",
            )
    elif local:
        yield Finding(
            Severity.WEAK,
            _("%(uri)s is on the developer’s own machine, and without https.") % {"uri": local[0]},
            _("Remove it from an app that others use, and register another app for development."),
            "redirect_uris",
        )
