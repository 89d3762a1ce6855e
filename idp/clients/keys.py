"""A client's own public keys: what its signatures are checked with, and what it can read.

OIDC Core §10; RFC 7517 §5.
"""

from typing import Any

from idp.models import Client


def public_keys(client: Client) -> list[dict[str, Any]]:
    """Return the JWKs that the client registered; empty if none."""
    return list((client.jwks or {}).get("keys", ()))
