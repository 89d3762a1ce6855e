"""Findings about the profile fapi2, and its advice for others. FAPI 2.0 Security Profile §5.3."""

from collections.abc import Iterator

from django.utils.translation import gettext as _

from idp import policy
from idp.clients import fapi2
from idp.linter.facts import Facts, Finding, Severity
from idp.models import Client


def meets_its_profile(facts: Facts) -> Iterator[Finding]:
    """FAPI 2.0 Security Profile §5.3.2: the app is refused until nothing of it is missing."""
    if not facts.client.has_high_security:
        return
    words = _demands()
    algorithms = _("Choose %(names)s.") % {"names": ", ".join(policy.FAPI2_ALGORITHMS)}
    for column in fapi2.unmet(facts.client):
        field = str(Client._meta.get_field(column).verbose_name)
        weak = _("High security does not allow what is chosen as “%(field)s”.") % {"field": field}
        what, remedy = words.get(column, (weak, algorithms))
        yield Finding(Severity.FAILING, what, remedy, column)


def gets_well_signed_tokens(facts: Facts) -> Iterator[Finding]:
    """FAPI 2.0 Security Profile §5.4.1: an API that wants another algorithm gets no tokens."""
    if apis := facts.weakly_signed_apis:
        yield Finding(
            Severity.FAILING,
            _("High security does not allow how access tokens for %(apis)s are signed.")
            % {"apis": ", ".join(apis)},
            _("Choose %(names)s as the access token algorithm of the API, and let it verify that.")
            % {"names": ", ".join(policy.FAPI2_ALGORITHMS)},
            "scopes",
        )


def _demands() -> dict[str, tuple[str, str]]:
    return {
        "token_endpoint_auth_method": (
            _("High security: the app has to prove itself with a key or a certificate of its own."),
            _(
                "Enter its public keys, choose private_key_jwt, and name no workloads; or choose a "
                "TLS certificate."
            ),
        ),
        "tls_client_certificate_bound_access_tokens": (
            _("High security: its access tokens are of use to whoever steals one."),
            _(
                "Tick that they are bound to a key (DPoP) or to a certificate, and switch it on in "
                "the app."
            ),
        ),
        "grant_types": (
            _("High security: it may get tokens by older ways, through the browser or a password."),
            _("Leave it codes alone."),
        ),
        "redirect_uris": (
            _("High security: a redirect URI does not start with https."),
            _("Use https. A native app may use http://127.0.0.1."),
        ),
    }


def pushes_its_requests(facts: Facts) -> Iterator[Finding]:
    """RFC 9126 §1: what goes through the browser can be read and changed there."""
    client = facts.client
    if _is_advised(facts) and not client.is_public and not client.has_to_push:
        yield Finding(
            Severity.SUGGESTED,
            _("What it asks for travels through the browser, where it can be read and changed."),
            _(
                "If its library knows pushed requests (PAR), switch them on there, and then tick "
                "that it sends no others."
            ),
            "require_pushed_authorization_requests",
        )


def binds_its_tokens(facts: Facts) -> Iterator[Finding]:
    """RFC 9700 §2.2.1: a token that is bound to a key is of no use to a thief."""
    if _is_advised(facts) and not fapi2.has_its_tokens_bound(facts.client):
        yield Finding(
            Severity.SUGGESTED,
            _("Its access tokens are of use to whoever steals one."),
            _(
                "If the app and its APIs know DPoP, switch it on there, and then tick that its "
                "tokens are bound to a key."
            ),
            "dpop_bound_access_tokens",
        )


def _is_advised(facts: Facts) -> bool:
    """Whether it is worth advice: no program of the catalogue can be changed."""
    client = facts.client
    is_recommended = client.profile == Client.Profile.RECOMMENDED
    return is_recommended and facts.signs_users_in and not client.integration
