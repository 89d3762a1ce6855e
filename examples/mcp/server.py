"""An MCP server that accepts Signet's access tokens, with the official Python SDK.

Configuration comes from the environment: OIDC_ISSUER, MCP_SERVER (its own URL, the API's identifier
at Signet). `docs/mcp.md` describes the settings.
"""

import json
import os
from typing import Any
from urllib.parse import urlsplit

import jwt
import uvicorn
from mcp.server.auth.middleware.auth_context import get_access_token
from mcp.server.auth.provider import AccessToken
from mcp.server.auth.settings import AuthSettings
from mcp.server.mcpserver import MCPServer
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

ISSUER = os.environ.get("OIDC_ISSUER", "http://localhost:8000")
SERVER = os.environ.get("MCP_SERVER", "http://localhost:8004/mcp")
#: The scope that every request needs, and those that tools need besides.
READ = "notes.read"
OF_TOOLS = {"add_note": "notes.write"}
_METADATA = urlsplit(SERVER)._replace(
    path="/.well-known/oauth-protected-resource" + urlsplit(SERVER).path
)

keys = jwt.PyJWKClient(f"{ISSUER}/jwks", timeout=10)
notes: dict[str, list[str]] = {}


class Verifier:
    """Access tokens by their signature. RFC 9068 §4."""

    async def verify_token(self, token: str) -> AccessToken | None:
        """Return the contents of a token for this server, or None."""
        try:
            decoded = jwt.decode_complete(
                token,
                keys.get_signing_key_from_jwt(token),
                algorithms=["RS256", "ES256", "EdDSA"],
                issuer=ISSUER,
                audience=SERVER,
                options={"require": ["iss", "aud", "exp", "iat", "sub", "client_id"]},
            )
        except (jwt.InvalidTokenError, jwt.PyJWKClientError):
            return None
        if str(decoded["header"].get("typ")).lower() != "at+jwt":
            return None
        claims: dict[str, Any] = decoded["payload"]
        return AccessToken(
            token=token,
            client_id=claims["client_id"],
            scopes=claims.get("scope", "").split(),
            expires_at=claims["exp"],
            resource=SERVER,
            subject=claims["sub"],
            claims={"iss": ISSUER},
        )


class ToolScopes:
    """Answer calls of tools that need another scope with it. RFC 6750 §3.1: the client steps up."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on requests whose token has the scope of their tool. ASGI."""
        if scope["type"] != "http" or scope["method"] != "POST":
            return await self.app(scope, receive, send)
        body = await Request(scope, receive).body()
        token = await Verifier().verify_token(_bearer(scope))
        missing = OF_TOOLS.get(_tool_in(body), READ)
        if token is not None and missing not in token.scopes:
            return await _insufficient(missing)(scope, receive, send)
        return await self.app(scope, _again(body, receive), send)


def _bearer(scope: Scope) -> str:
    authorization: str = Request(scope).headers.get("authorization", "")
    return authorization.partition(" ")[2].strip()


def _tool_in(body: bytes) -> str:
    try:
        message = json.loads(body)
    except ValueError:
        return ""
    is_call = isinstance(message, dict) and message.get("method") == "tools/call"
    return str(message["params"]["name"]) if is_call else ""


def _insufficient(missing: str) -> JSONResponse:
    needed = " ".join(dict.fromkeys([READ, missing]))
    challenge = {
        "error": "insufficient_scope",
        "error_description": f"This needs the scope {missing}.",
        "scope": needed,
        "resource_metadata": _METADATA.geturl(),
    }
    words = ", ".join(f'{name}="{value}"' for name, value in challenge.items())
    headers = {"WWW-Authenticate": f"Bearer {words}"}
    return JSONResponse({"error": "insufficient_scope"}, status_code=403, headers=headers)


def _again(body: bytes, receive: Receive) -> Receive:
    """Return a `receive` that gives the body that was read already."""
    waiting = [{"type": "http.request", "body": body, "more_body": False}]

    async def once_more() -> Any:
        return waiting.pop() if waiting else await receive()

    return once_more


server = MCPServer(
    "Notes",
    token_verifier=Verifier(),
    auth=AuthSettings(
        issuer_url=ISSUER,  # a text: AnyHttpUrl would add a slash, and it has to be exact
        resource_server_url=SERVER,
        required_scopes=[READ],
        validate_token_resource=True,
    ),
)


def _mine() -> list[str]:
    token = get_access_token()
    return notes.setdefault(token.subject or "" if token else "", [])


@server.tool()
def list_notes() -> list[str]:
    """Return the user's notes."""
    return _mine()


@server.tool()
def add_note(text: str) -> int:
    """Add a note, and return how many there are."""
    _mine().append(text)
    return len(_mine())


app = ToolScopes(server.streamable_http_app(streamable_http_path=urlsplit(SERVER).path))

if __name__ == "__main__":
    uvicorn.run(app, port=urlsplit(SERVER).port or 80, log_level="warning")
