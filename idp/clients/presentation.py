"""What people are shown of a client, and where its pages may lead them.

OIDC Dynamic Client Registration §2.
"""

from accounts.next import split
from idp.models import Client
from idp.protocol.redirect_uris import origin_of


def form_action_for(uri: str) -> dict[str, list[str]]:
    """Return where the forms of a page may lead that sends people on to a client's address.

    `https:` because a client's callback may redirect on to any other origin, and Chromium holds the
    whole chain against `form-action`; the exact origin or scheme where it isn't https.
    """
    target = origin_of(uri)
    return {"form-action": ["https:", *([target] if not target.startswith("https:") else [])]}


def app_of(client: Client, redirect_uri: str) -> dict[str, str]:
    """Return what a page says of the app that it leads back to."""
    return {
        "name": str(client),
        "host": host_of(redirect_uri),
        "logo": shown_logo(client),
        "policy_uri": client.policy_uri,
        "tos_uri": client.tos_uri,
    }


def shown_logo(client: Client) -> str:
    """Return the logo that pages show: of clients that an operator entered, else none."""
    shown = _is_entered_by_operator(client) and client.logo_uri.startswith("https://")
    return client.logo_uri if shown else ""


def home_of(client: Client) -> str:
    """Return the app's home page: of clients that an operator entered, else nothing."""
    web = client.client_uri.startswith(("https://", "http://"))
    return client.client_uri if web and _is_entered_by_operator(client) else ""


def _is_entered_by_operator(client: Client) -> bool:
    return bool(client.registration_source == Client.RegistrationSource.MANUAL)


def host_of(redirect_uri: str) -> str:
    """Return the host that a person is sent back to, or nothing for an app on their device."""
    parts = split(redirect_uri)
    return parts.netloc if parts.scheme in {"http", "https"} else ""
