"""A client's own public keys: what its signatures are checked with, and what it can read.

Registered by value (`jwks`), or at the client's address (`jwks_uri`). OIDC Core §10.1.1.
"""

from typing import Any

from idp.fetched_keys import keys_at
from idp.fetching import party_of
from idp.models import Client


def public_keys(client: Client, *, unknown_kid: bool = False) -> list[dict[str, Any]]:
    """Return the client's public JWKs; empty where it has none, or they can't be had.

    `unknown_kid` says that something is signed with a key that was not among them. Raises
    TemporarilyUnavailable where they have to be fetched, and can't be just now.
    """
    if not client.jwks_uri:
        return list((client.jwks or {}).get("keys", ()))
    return keys_at(client.jwks_uri, party_of(client), unknown_kid=unknown_kid)
