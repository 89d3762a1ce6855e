"""Grant types and response types that go together. OIDC Dynamic Client Registration §2."""

from collections.abc import Iterator

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from idp import policy
from idp.clients.validation.problem import Problem
from idp.models import Client
from idp.models.catalog import Catalog
from idp.protocol import response_types
from idp.protocol.vocabulary import CIBA, DEVICE_CODE

#: Errors by the grant type that lacks its response type, or is missing itself.
_MISMATCHES = {
    "authorization_code": gettext_lazy(
        "The response type code, alone or with others, and the grant type authorization_code go "
        "together."
    ),
    "implicit": gettext_lazy(
        "Response types with id_token or token, and the grant type implicit, go together."
    ),
}

#: Grants that give refresh tokens.
_REFRESHABLE = frozenset({"authorization_code", "password", DEVICE_CODE, CIBA})


def grants_have_redirect_uris(client: Client, _catalog: Catalog) -> Iterator[Problem]:
    """RFC 6749 §3.1.2: an authorization response needs a redirect URI."""
    redirecting = _redirecting(client)
    if redirecting and not client.redirect_uris:
        text = _("The %(grant_type)s grant needs a redirect URI.")
        yield Problem("redirect_uris", text % {"grant_type": min(redirecting)})


def grants_and_response_types_match(client: Client, _catalog: Catalog) -> Iterator[Problem]:
    """OIDC Dynamic Client Registration §2: each grant type has its response types."""
    needed = {g for kind in client.response_types for g in response_types.grants_of(kind)}
    unmatched = needed ^ _redirecting(client)
    if unmatched:
        yield Problem("response_types", str(_MISMATCHES[min(unmatched)]))


def bound_tokens_come_from_the_token_endpoint(
    client: Client, _catalog: Catalog
) -> Iterator[Problem]:
    """RFC 9449 §5: at the authorization endpoint there is no proof to bind a token to."""
    if client.dpop_bound_access_tokens and any(
        response_types.TOKEN in response_types.parts(kind) for kind in client.response_types
    ):
        yield Problem(
            "dpop_bound_access_tokens",
            _("Access tokens that come through the browser (token) can’t be bound."),
        )


def grants_suit_the_client(client: Client, _catalog: Catalog) -> Iterator[Problem]:
    """RFC 6749 §4.4, §6; RFC 9700 §2.1.2, §2.4: grants need a secret, another grant, a profile."""
    grants = set(client.grant_types)
    legacy = sorted(policy.LEGACY_GRANT_TYPES & grants)
    if legacy and client.profile != Client.Profile.COMPATIBLE:
        text = _("The profile %(profile)s is without %(grant_types)s.")
        named = {"profile": client.profile, "grant_types": ", ".join(legacy)}
        yield Problem("grant_types", text % named)
    elif "refresh_token" in grants and not _REFRESHABLE & grants:
        yield Problem("grant_types", _("Refresh tokens come of the authorization_code grant."))
    elif client.is_public and "client_credentials" in grants:
        text = _("A client without a secret cannot use client_credentials.")
        yield Problem("grant_types", text)
    elif client.is_public and CIBA in grants:
        text = _("A client without a secret cannot ask users to sign in elsewhere (CIBA).")
        yield Problem("grant_types", text)


def _redirecting(client: Client) -> frozenset[str]:
    """Return those of its grant types that begin with an authorization request."""
    return response_types.REDIRECTING_GRANTS & set(client.grant_types)
