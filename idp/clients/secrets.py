"""Client secrets: random, kept as keyed hashes that cost microseconds to check. RFC 6749 §2.3.1."""

import secrets
from datetime import datetime

from django.utils import timezone

from idp import server_keys
from idp.models import Client, ClientSecret

_PURPOSE = "client secret"
#: The shortest secret an operator may bring along; generated ones have 64 characters.
MINIMUM_LENGTH = 32


def generate() -> str:
    """Return a new secret: 64 URL-safe characters, 384 bits."""
    return secrets.token_urlsafe(48)


def add(client: Client, secret: str) -> ClientSecret:
    """Store a secret's hash for a saved client, beside those it has."""
    row = ClientSecret.objects.create(
        client=client, hashed=server_keys.keyed_hash(secret, _PURPOSE)
    )
    client.save()  # a change of secrets is a change of the client: its version grows
    return row


def is_valid(client: Client, secret: str, now: datetime) -> bool:
    """Whether the secret is one of the client's that have not expired."""
    return any(
        server_keys.matches(secret, row.hashed, _PURPOSE)
        for row in client.secrets.all()
        if row.expires_at is None or row.expires_at > now
    )


def is_valid_now(client: Client, secret: str) -> bool:
    """Whether the secret proves the client at this moment."""
    return is_valid(client, secret, timezone.now())
