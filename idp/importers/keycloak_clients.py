"""Clients of a Keycloak realm, as apps here."""

from typing import Any
from urllib.parse import urljoin

from idp.importers.members import (
    application_type_of,
    exact_uris,
    filled,
    mapping,
    mappings,
    text,
    texts,
)
from idp.importers.source import Row, Unreadable
from idp.protocol.vocabulary import DEVICE_CODE

_BUILT_IN = frozenset(
    {
        *("account", "account-console", "admin-cli", "broker"),
        *("realm-management", "security-admin-console"),
    }
)
_SCOPES = ("profile", "email", "address", "phone", "offline_access")
_AUTHENTICATION = {
    "client-secret": "client_secret_basic",
    "client-secret-jwt": "client_secret_jwt",
    "client-jwt": "private_key_jwt",
}


def is_built_in(client_id: str) -> bool:
    """Whether every realm has this client: its own pages and interfaces."""
    return client_id in _BUILT_IN or client_id.endswith("-realm")


def row_of(
    number: int, client: dict[str, Any], roles: dict[str, Any], groups: list[dict[str, Any]]
) -> Row | Unreadable | None:
    """Return a client's row, or why it is none; None for one that every realm has."""
    client_id = text(client.get("clientId"))
    what = f"client {client_id}"
    if is_built_in(client_id):
        return None
    if client.get("protocol", "openid-connect") != "openid-connect":
        return Unreadable(number, "clients", "It does not use OpenID Connect.", what)
    if client.get("enabled") is False:
        return Unreadable(number, "clients", "It is disabled there.", what)
    if client.get("bearerOnly") is True:
        return Unreadable(number, "clients", "It is an API: declare it as one here.", what)
    notes: list[str] = []
    entry = _entry(client, notes) | {
        "client_id": client_id,
        "roles": _roles(client_id, mappings(roles.get(client_id)), groups),
    }
    return Row(number, "clients", filled(entry), notes=tuple(notes))


def _entry(client: dict[str, Any], notes: list[str]) -> dict[str, Any]:
    attributes = mapping(client.get("attributes"))
    root = text(client.get("rootUrl"))
    redirect_uris = _uris(texts(client.get("redirectUris")), root, notes, "Redirect URI")
    after = text(attributes.get("post.logout.redirect.uris"))
    logout = redirect_uris if after == "+" else _uris(_parts(after), root, notes, "Logout URI")
    name = text(client.get("name"))
    grants = _grants(client, attributes, notes)
    method, keys = _authentication(client, attributes, notes)
    scopes = [*texts(client.get("defaultClientScopes")), *texts(client.get("optionalClientScopes"))]
    base = text(client.get("baseUrl"))
    return {
        "client_name": text(client.get("clientId")) if not name or "${" in name else name,
        "redirect_uris": redirect_uris,
        "post_logout_redirect_uris": logout,
        "grant_types": grants,
        "application_type": application_type_of(redirect_uris),
        "token_endpoint_auth_method": method,
        **keys,
        "scope": " ".join(["openid", *(name for name in _SCOPES if name in scopes)]),
        "client_uri": base if base.startswith("https://") else "",
        "backchannel_logout_uri": text(attributes.get("backchannel.logout.url")),
        "first_party": client.get("consentRequired") is not True,
    }


def _parts(text_of_uris: str) -> list[str]:
    return [part for part in text_of_uris.split("##") if part not in {"", "-", "+"}]


def _uris(uris: list[str], root: str, notes: list[str], what: str) -> list[str]:
    return exact_uris((_whole(uri, root) for uri in uris), notes, what)


def _whole(uri: str, root: str) -> str:
    """Return a URI that may be relative to the client's root; as it is where the root is none."""
    try:
        return urljoin(root, uri) if root and uri.startswith("/") else uri
    except ValueError:
        return uri


def _grants(client: dict[str, Any], attributes: dict[str, Any], notes: list[str]) -> list[str]:
    grants = []
    if client.get("standardFlowEnabled") is not False:
        grants += ["authorization_code", "refresh_token"]
    if client.get("serviceAccountsEnabled") is True:
        grants.append("client_credentials")
    if attributes.get("oauth2.device.authorization.grant.enabled") == "true":
        grants.append(DEVICE_CODE)
    for member, flow in (
        ("implicitFlowEnabled", "The implicit flow"),
        ("directAccessGrantsEnabled", "The password grant (direct access)"),
    ):
        if client.get(member) is True:
            notes.append(f"{flow} is not taken: enable it here if it has to be.")
    return grants


def _authentication(
    client: dict[str, Any], attributes: dict[str, Any], notes: list[str]
) -> tuple[str, dict[str, str]]:
    """Return the method, and the secret or the address of the keys."""
    if client.get("publicClient") is True:
        return "none", {}
    method = _AUTHENTICATION.get(text(client.get("clientAuthenticatorType")) or "client-secret")
    if method is None:
        notes.append("Its client authentication is unknown here; the secret takes its place.")
        method = "client_secret_basic"
    if method == "private_key_jwt":
        return method, {"jwks_uri": text(attributes.get("jwks.url"))}
    return method, {"client_secret": text(client.get("secret"))}


def _roles(
    client_id: str, roles: list[dict[str, Any]], groups: list[dict[str, Any]]
) -> dict[str, list[str]]:
    """Return the groups of each role of a client."""
    return {
        name: sorted(
            group["name"] for group in groups if name in texts(group["roles"].get(client_id))
        )
        for role in roles
        if (name := text(role.get("name")))
    }
