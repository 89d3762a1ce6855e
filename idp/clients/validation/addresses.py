"""Addresses that clients register: redirect URIs, pages, origins. RFC 3986 §3, RFC 9700 §2.1."""

from collections.abc import Iterator

from django.conf import settings
from django.utils.translation import gettext as _

from idp import policy
from idp.clients.validation.problem import Problem
from idp.models import Client
from idp.models.catalog import Catalog
from idp.models.client_derived import LONGEST_ORIGIN, sector_of
from idp.protocol import addresses, redirect_uris

#: Addresses on the web, one each.
_WEB_ADDRESSES = (
    *("jwks_uri", "sector_identifier_uri", "backchannel_logout_uri", "frontchannel_logout_uri"),
    *("initiate_login_uri", "client_uri", "logo_uri", "policy_uri", "tos_uri"),
    "backchannel_client_notification_endpoint",
)
#: The parameters that we add to the query of an address, which then must not have them already.
_ADDED: dict[str, frozenset[str]] = {
    "redirect_uris": redirect_uris.RESPONSE_PARAMETERS,
    "post_logout_redirect_uris": frozenset({"state"}),
    "frontchannel_logout_uri": frozenset({"iss", "sid"}),
    "initiate_login_uri": frozenset({"iss"}),
}


def web_addresses_can_be_used(client: Client, _catalog: Catalog) -> Iterator[Problem]:
    """RFC 3986 §3: every program reads the address alike, and it starts as its use demands."""
    for column in _WEB_ADDRESSES:
        uri = getattr(client, column)
        text = uri and (
            _problem_with_use(client, column, uri)
            or problem_with_page(uri)
            or _problem_with_query(column, uri)
        )
        if text:
            yield Problem(column, text)


def problem_with_page(uri: str) -> str | None:
    """Return why an address can't be one on the web, or None. RFC 7591 §5."""
    if addresses.is_on_the_web(uri):
        return None
    return _("It is not an address that starts with https://.")


def redirect_uris_can_be_used(client: Client, _catalog: Catalog) -> Iterator[Problem]:
    """RFC 9700 §2.1, RFC 8252 §7: users can be sent there, and no tokens go unprotected."""
    for column in ("redirect_uris", "post_logout_redirect_uris"):
        for uri in getattr(client, column):
            text = _problem_with_redirect_uri(client, column, uri)
            if text:
                yield Problem(column, f"{uri}: {text}")


def origins_are_origins(client: Client, _catalog: Catalog) -> Iterator[Problem]:
    """RFC 6454 §4: an origin is a scheme, a host and a port."""
    for origin in client.allowed_origins:
        if (
            redirect_uris.problem_with(origin, application_type=Client.ApplicationType.WEB)
            or origin != redirect_uris.origin_of(origin)
            or len(origin) > LONGEST_ORIGIN
        ):
            text = _("This is not an origin, such as https://app.example.com.")
            yield Problem("allowed_origins", f"{origin}: {text}")


def pairwise_clients_have_a_sector(client: Client, _catalog: Catalog) -> Iterator[Problem]:
    """OIDC Core §8.1: redirect URIs of several hosts need a sector_identifier_uri."""
    if client.subject_type == Client.PAIRWISE and sector_of(client) is None:
        yield Problem(
            "subject_type",
            _("Pairwise subjects need redirect URIs of one host, or a sector_identifier_uri."),
        )


def _problem_with_use(client: Client, column: str, uri: str) -> str | None:
    """Return why an address is invalid in this column, or None."""
    # Development runs clients on this machine, without TLS.
    schemes = ("https://", "http://") if settings.IDP_DEVELOPMENT else ("https://",)
    match column:
        case "jwks_uri" if not uri.startswith(schemes):
            return _("It has to start with https://.")
        case "sector_identifier_uri" if not uri.startswith("https://"):
            return _("It has to start with https://.")
        case "initiate_login_uri" if not addresses.is_on_the_web(uri, {"https"}):
            return _("It is not an address that starts with https://.")
        case "backchannel_logout_uri" | "backchannel_client_notification_endpoint" if (
            not uri.startswith(schemes) or "#" in uri
        ):
            # OIDC Back-Channel Logout §2.2, OIDC CIBA §4
            return _("It has to start with https://, and to have no fragment.")
        case "frontchannel_logout_uri" if not _is_beside_redirect_uris(client, uri):
            # OIDC Front-Channel Logout §2
            return _("It has to have scheme, host and port of a redirect URI, and no fragment.")
    return None


def _is_beside_redirect_uris(client: Client, uri: str) -> bool:
    try:
        origin = redirect_uris.origin_of(uri)
        origins = set(map(redirect_uris.origin_of, client.redirect_uris))
    except ValueError:  # `urlsplit` can't read one of them
        return False
    return origin in origins and "#" not in uri


def _problem_with_redirect_uri(client: Client, column: str, uri: str) -> str | None:
    text = redirect_uris.problem_with(
        uri,
        application_type=client.application_type,
        private_schemes=policy.PRIVATE_URI_SCHEMES,
    )
    if text:
        return _(text)
    if len(redirect_uris.origin_of(uri)) > LONGEST_ORIGIN:
        return _("Its host is too long.")
    if column == "redirect_uris" and _exposes_tokens_at(client, uri):
        return _("It starts with http://, but a website with implicit uses https.")
    return _problem_with_query(column, uri)


def _exposes_tokens_at(client: Client, uri: str) -> bool:
    """Whether tokens would be sent there unprotected (OIDC Dynamic Client Registration §2)."""
    is_web = client.application_type == Client.ApplicationType.WEB
    return is_web and "implicit" in client.grant_types and uri.startswith("http://")


def _problem_with_query(column: str, uri: str) -> str | None:
    """RFC 6749 §4.1.2: a response has each parameter once."""
    taken = addresses.taken_parameter(uri, _ADDED.get(column, ()))
    text = _("Its query has %(parameter)s, which we add to it ourselves.")
    return text % {"parameter": taken} if taken else None
