"""The display of a client for users: name, logo, links. OIDC Dynamic Client Registration §2."""

from collections.abc import Iterable
from typing import Any
from urllib.parse import urlencode

from django.utils.translation import get_language

from accounts.next import split
from foundation import branding
from idp import policy
from idp.clients import logos
from idp.models import Client
from idp.protocol.languages import best, tagged
from idp.protocol.redirect_uris import origin_of


def app_of(client: Client, redirect_uri: str) -> dict[str, Any]:
    """Return the data of a client for a page that leads back to it.

    `document_host` is the host of its client ID metadata document, if it has one: no operator knows
    the app then. `on_device` says that any other program on the device could take its place.
    """
    by_document = client.registration_source == Client.RegistrationSource.CIMD
    return {
        "name": name_of(client),
        "host": host_of(redirect_uri),
        "document_host": host_of(client.client_id) if by_document else "",
        "on_device": not redirect_uri.startswith("https://"),
        "logo": shown_logo(client),
        "initial": initial_of(name_of(client)) if _is_branded(client) else "",
        "stylesheet": branding.stylesheet_address(client.accent_color),
        "policy_uri": _said("policy_uri", client),
        "tos_uri": _said("tos_uri", client),
    }


def name_of(client: Client) -> str:
    """Return the client's name in the page's language."""
    return _said("client_name", client)


def shown_logo(client: Client) -> str:
    """Return our address of the logo that pages show, empty for none."""
    return shown_logos([client]).get(client.pk, "")


def shown_logos(clients: Iterable[Client]) -> dict[int, str]:
    """Return our addresses of the logos that pages show, by primary key of the client."""
    named = {client.pk: _said("logo_uri", client) for client in clients if logos.is_trusted(client)}
    return logos.addresses_of({pk: uri for pk, uri in named.items() if uri})


def _is_branded(client: Client) -> bool:
    """Whether an app has a look of its own, so that an initial takes the place of no logo."""
    return bool(client.accent_color or _said("logo_uri", client)) and logos.is_trusted(client)


def initial_of(name: str) -> str:
    """Return the letter that takes the place of a logo: the first of a name, or nothing."""
    return next((letter.upper() for letter in name if letter.isalnum()), "")


def home_of(client: Client) -> str:
    """Return the client's home page if an operator registered the client, else nothing."""
    home = _said("client_uri", client)
    web = home.startswith(("https://", "http://"))
    return home if web and not client.is_self_registered else ""


def start_of(client: Client) -> str:
    """Return where a sign-in to the app begins that the user starts here. OIDC Core §4.

    No login_hint: the app may not know the user's address.
    """
    uri = client.initiate_login_uri
    if not (client.enabled and uri.startswith("https://")):
        return ""
    return f"{uri}{'&' if '?' in uri else '?'}{urlencode({'iss': policy.ISSUER})}"


def way_to(client: Client, redirect_uri: str) -> str:
    """Return a page of the client that users can be sent to without a response, or nothing.

    At the least it is the root of the host of this request's redirect URI.
    """
    if not client.enabled or client.application_type != Client.ApplicationType.WEB:
        return ""
    origin = origin_of(redirect_uri)
    return start_of(client) or home_of(client) or (f"{origin}/" if host_of(redirect_uri) else "")


def _said(member: str, client: Client) -> str:
    """Return a member in the page's language, else without a language. RFC 4647 §3.4."""
    texts = {
        tag: text
        for name, text in client.localized.items()
        for base, tag in [tagged(name)]
        if base == member and tag
    }
    tag = best(texts, get_language() or "")
    if tag is not None:
        return str(texts[tag])
    return str(client) if member == "client_name" else str(getattr(client, member))


def hosts_of(client: Client) -> list[str]:
    """Return each host that users are sent back to, or the scheme of an app on their device."""
    return sorted({host_of(uri) or origin_of(uri) for uri in client.redirect_uris})


def host_of(redirect_uri: str) -> str:
    """Return the host that a user is sent back to, or nothing for an app on their device."""
    parts = split(redirect_uri)
    return parts.netloc if parts.scheme in {"http", "https"} else ""
