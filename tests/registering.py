"""Act as a client that registers itself and manages what it is, knowing only the wire."""

import random
from typing import Any

import httpx

from tests.relying_party import ISSUER, Registered, unique

REDIRECT_URI = "https://rp.example.com/callback"


def document(**members: Any) -> dict[str, Any]:
    """Return metadata of a website; None leaves a member out."""
    sent = {"client_name": "Bread shop", "redirect_uris": [REDIRECT_URI], **members}
    return {name: value for name, value in sent.items() if value is not None}


def headers_of(token: str | None = None, address: str | None = None) -> dict[str, str]:
    """Return a token's header, and a network address, by default one of its own."""
    own = ".".join(str(random.randint(1, 250)) for _ in range(4))
    sent = {"X-Forwarded-For": address or own}
    return sent if token is None else {**sent, "Authorization": f"Bearer {token}"}


def send(
    body: Any, *, token: str | None = None, address: str | None = None, issuer: str = ISSUER
) -> httpx.Response:
    """Send a registration request with any JSON for a body."""
    return httpx.post(
        f"{issuer}/register",
        json=body,
        headers=headers_of(token, address),
        timeout=30,
        verify=False,
    )


def register(token: str | None = None, issuer: str = ISSUER, **members: Any) -> httpx.Response:
    """Try to register a website."""
    return send(document(**members), token=token, issuer=issuer)


def registered(token: str | None = None, **members: Any) -> dict[str, Any]:
    """Register a website and return the client information response."""
    response = register(token, **members)
    assert response.status_code == 201, response.text
    return response.json()


def manage(
    method: str,
    information: dict[str, Any],
    *,
    token: str | None = None,
    body: Any = None,
    uri: str | None = None,
) -> httpx.Response:
    """Read, replace or delete a registration."""
    return httpx.request(
        method,
        uri or information["registration_client_uri"],
        json=body,
        headers=headers_of(token or information["registration_access_token"]),
        timeout=30,
        verify=False,
    )


def replaceable(information: dict[str, Any], **members: Any) -> dict[str, Any]:
    """Return what a client sends to replace its registration: all it was told, but our words."""
    ours = {
        "registration_access_token",
        "registration_client_uri",
        "client_id_issued_at",
        "client_secret_expires_at",
    }
    sent = {name: value for name, value in information.items() if name not in ours} | members
    return {name: value for name, value in sent.items() if value is not None}


def as_client(information: dict[str, Any]) -> Registered:
    """Return the client that was registered, ready to be used."""
    return Registered(information["client_id"], information.get("client_secret"), information)


def initial_token(**limits: Any) -> str:
    """Return an initial access token, as an operator issues it."""
    from idp.models import InitialAccessToken
    from idp.registration import initial_access_tokens

    return initial_access_tokens.issue(InitialAccessToken(**{"name": unique("token"), **limits}))
