"""Which client's request a page belongs to, found from the address it continues to."""

from urllib.parse import parse_qs

from django.http import HttpRequest
from django.utils.translation import get_language

from accounts.next import next_of, split
from idp import policy
from idp.authorization import pending
from idp.models import Client, PendingAuthorization
from idp.protocol.redirect_uris import origin_of

#: The query parameter that carries a pending request's id.
PENDING = "pending"
#: How many of our pages may be named within each other's `next`.
_STEPS = 3


def continue_at(pending_id: str) -> str:
    """Return the path at which a pending request goes on."""
    return f"{policy.PATHS['authorization_endpoint']}?{PENDING}={pending_id}"


def pending_of(http: HttpRequest) -> PendingAuthorization | None:
    """Return the pending request that this page serves, or None; looked up once."""
    if not hasattr(http, "pending_authorization"):
        pending_id = _pending_id(http)
        http.pending_authorization = pending.find(pending_id) if pending_id else None  # type: ignore[attr-defined]
    return http.pending_authorization  # type: ignore[attr-defined, no-any-return]


def allowed_by_page(row: PendingAuthorization) -> dict[str, list[str]]:
    """Return what the Content-Security-Policy of a page of this request allows beside our own."""
    allowed = form_action_for(row.parameters.get("redirect_uri", ""))
    logo = shown_logo(row.client)
    if logo:
        allowed["img-src"] = [origin_of(logo)]
    return allowed


def form_action_for(uri: str) -> dict[str, list[str]]:
    """Return where the forms of a page may lead that sends people on to a client's address.

    `https:` because a client's callback may redirect on to any other origin, and Chromium holds the
    whole chain against `form-action`; the exact origin or scheme where it isn't https.
    """
    target = origin_of(uri)
    return {"form-action": ["https:", *([target] if not target.startswith("https:") else [])]}


def shown_logo(client: Client) -> str:
    """Return the logo that pages show: of clients that an operator entered, else none."""
    logo = client.in_language("logo_uri", get_language() or "")
    return logo if logo.startswith("https://") and _is_entered_by_operator(client) else ""


def home_of(client: Client) -> str:
    """Return the app's home page: of clients that an operator entered, else nothing."""
    home = client.in_language("client_uri", get_language() or "")
    web = home.startswith(("https://", "http://"))
    return home if web and _is_entered_by_operator(client) else ""


def name_of(client: Client) -> str:
    """Return what the app is called in the page's language."""
    return client.in_language("client_name", get_language() or "")


def _is_entered_by_operator(client: Client) -> bool:
    return bool(client.registration_source == Client.RegistrationSource.MANUAL)


def host_of(redirect_uri: str) -> str:
    """Return the host that a person is sent back to, or nothing for an app on their device."""
    parts = split(redirect_uri)
    return parts.netloc if parts.scheme in {"http", "https"} else ""


def _pending_id(http: HttpRequest) -> str | None:
    if http.path in policy.PROTOCOL_PATHS or http.path == policy.PATHS["authorization_endpoint"]:
        return None
    return _id_in(http.get_full_path()) or _id_in(next_of(http))


def _id_in(path: str) -> str | None:
    """Return the id in a path's query, or in that of the `next` it leads to."""
    for _ in range(_STEPS):
        query = parse_qs(split(path).query)
        if PENDING in query:
            return query[PENDING][0]
        path = query.get("next", [""])[0]
    return None
