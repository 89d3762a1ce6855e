"""Opaque values: codes and tokens that mean nothing but themselves, known here by their hash."""

import hashlib
import secrets

from idp import server_keys
from idp.jose.sign import base64url

_SUCCESSOR = "refresh token's successor"


def generate() -> str:
    """Return a new value: 43 URL-safe characters, 256 bits."""
    return secrets.token_urlsafe(32)


def hash_of(value: str) -> str:
    """Return what is stored of a value: its SHA-256 in hex. 256 random bits need no salt."""
    return hashlib.sha256(value.encode()).hexdigest()


def successors_of(value: str) -> tuple[str, ...]:
    """Return the values that we alone can derive from one, under each server key, newest first.

    So what followed a value can be given again, although only its hash is kept.
    """
    digests = server_keys.keyed_hashes(value, _SUCCESSOR)
    return tuple(base64url(bytes.fromhex(digest)) for digest in digests)
