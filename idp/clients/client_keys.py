"""A client's public keys, for checking its signatures and encrypting to it.

Registered by value (`jwks`), or at the client's address (`jwks_uri`). OIDC Core §10.1.1.
"""

from typing import Any

from idp.fetched_keys import keys_at, keys_with
from idp.fetching import party_of
from idp.models import Client


def public_keys(client: Client) -> list[dict[str, Any]]:
    """Return the client's public JWKs; empty where it has none, or they can't be had.

    Raises TemporarilyUnavailable where they have to be fetched, and can't be just now.
    """
    if not client.jwks_uri:
        return _registered(client)
    return keys_at(client.jwks_uri, party_of(client))


def verification_keys(client: Client, kid: str | None) -> list[dict[str, Any]]:
    """Return the client's public JWKs, fetched anew where none of them has this `kid`.

    Raises TemporarilyUnavailable, as `public_keys` does.
    """
    if not client.jwks_uri:
        return _registered(client)
    return keys_with(kid, client.jwks_uri, party_of(client))


def renewed_keys(client: Client) -> list[dict[str, Any]]:
    """Return the client's public JWKs, fetched anew if they are at an address of its own.

    Raises TemporarilyUnavailable, as `public_keys` does.
    """
    if not client.jwks_uri:
        return []
    return keys_at(client.jwks_uri, party_of(client), unknown_kid=True)


def _registered(client: Client) -> list[dict[str, Any]]:
    return list((client.jwks or {}).get("keys", ()))
