"""Believing Signet's access tokens by their signature alone. RFC 9068 §4."""

import os
from typing import Any

import jwt

ISSUER = os.environ.get("OIDC_ISSUER", "http://localhost:8000")
#: Who we are: what clients ask for as `resource`, and what stands in our tokens as `aud`.
API = os.environ.get("API_IDENTIFIER", "http://localhost:8003/")

# Fetched when first needed and kept for five minutes; an unknown key is looked for, every 30 s.
keys = jwt.PyJWKClient(f"{ISSUER}/jwks", timeout=10)


class Refused(Exception):
    """The token does not open this door."""

    def __init__(self, status: int, error: str, description: str) -> None:
        super().__init__(description)
        self.status, self.error, self.description = status, error, description


def claims_of(token: str, scope: str) -> dict[str, Any]:
    """Return the claims of an access token that is meant for us and has the scope.

    Raises Refused. What has been revoked since it was issued is not seen here: its short life ends
    that, or introspection at every request would.
    """
    try:
        decoded = jwt.decode_complete(
            token,
            keys.get_signing_key_from_jwt(token),
            algorithms=["RS256", "ES256", "EdDSA"],  # ours, never the token's own idea
            issuer=ISSUER,
            audience=API,
            options={"require": ["iss", "aud", "exp", "iat", "sub", "client_id", "jti"]},
        )
    except jwt.PyJWKClientConnectionError:
        raise  # the keys cannot be had: our trouble, not the token's
    except (jwt.InvalidTokenError, jwt.PyJWKClientError) as problem:
        raise Refused(401, "invalid_token", "The access token is not good here.") from problem
    if str(decoded["header"].get("typ")).lower() != "at+jwt":
        # An ID token is signed with the same keys; `typ` tells them apart.
        raise Refused(401, "invalid_token", "This is not an access token.")
    claims: dict[str, Any] = decoded["payload"]
    if scope not in claims.get("scope", "").split():
        raise Refused(403, "insufficient_scope", f"This needs the scope {scope}.")
    return claims
