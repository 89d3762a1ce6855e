"""Opaque values: codes and tokens that mean nothing but themselves, known here by their hash."""

import hashlib
import secrets


def generate() -> str:
    """Return a new value: 43 URL-safe characters, 256 bits."""
    return secrets.token_urlsafe(32)


def hash_of(value: str) -> str:
    """Return what is stored of a value: its SHA-256 in hex. 256 random bits need no salt."""
    return hashlib.sha256(value.encode()).hexdigest()
