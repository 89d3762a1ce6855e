"""Secrets that are known by the hash of a server before this one: checked once, then ours."""

from base64 import b64encode

import httpx
import pytest
from django.contrib.auth.hashers import (
    MD5PasswordHasher,
    PBKDF2PasswordHasher,
    make_password,
)
from django.utils import timezone

from idp.clients import secrets
from idp.clients.authentication import HASHED_SECRETS
from idp.models import Client
from tests import secrecy
from tests.relying_party import ISSUER, make_client, spec


def imported(secret: str) -> Client:
    """Return an app whose secret is known as a hash of Django's alone."""
    client = Client.objects.get(client_id=make_client().client_id)
    client.secrets.all().delete()
    secrecy.used.note_client(client.client_id, secret)
    secrets.add_hashed(client, PBKDF2PasswordHasher().encode(secret, "salt" * 4, 1000))
    return client


def ask(client: Client, secret: str, address: str = "198.51.100.1") -> int:
    """Return the status of a token request with a code that is none: 400 for a right secret."""
    credentials = b64encode(f"{client.client_id}:{secret}".encode()).decode()
    headers = {"Authorization": f"Basic {credentials}", "X-Forwarded-For": address}
    form = {"grant_type": "authorization_code", "code": "x" * 43}
    return httpx.post(f"{ISSUER}/token", data=form, headers=headers, verify=False).status_code


@spec("RFC 6749", "2.3.1")
def test_it_is_compared_once_and_then_hashed_as_ours(provider: object) -> None:
    secret = secrets.generate()
    client = imported(secret)
    row = client.secrets.get()
    assert ask(client, "w" * 64) == 401
    assert ask(client, row.hashed) == 401  # the hash is no secret
    row.refresh_from_db()
    assert row.hashed.startswith("pbkdf2_sha256$")
    assert ask(client, secret) == 400
    row.refresh_from_db()
    assert len(row.hashed) == 64
    fresh = Client.objects.get(pk=client.pk)
    assert secrets.find(fresh, secret, timezone.now()) == row
    assert not secrets.has_hashed(fresh, timezone.now())
    assert (ask(client, secret), ask(client, "w" * 64)) == (400, 401)


def test_guesses_do_not_keep_the_processor_busy(provider: object) -> None:
    secret = secrets.generate()
    client = imported(secret)
    statuses = [ask(client, f"guess-{i}") for i in range(HASHED_SECRETS.allowed + 2)]
    assert statuses == [401] * HASHED_SECRETS.allowed + [429] * 2
    assert ask(client, secret) == 429
    assert ask(client, secret, "198.51.100.2") == 400  # from where it is used
    assert ask(client, secret) == 400


@pytest.mark.parametrize(
    "hashed",
    [
        *("", "plain", "a" * 64, "pbkdf2_sha256$no", "unknown$1$salt$hash", "!unusable$$"),
        MD5PasswordHasher().encode("x", "salt"),
        make_password(None),
    ],
)
def test_what_no_hasher_reads_is_refused(database: None, hashed: str) -> None:
    client = Client.objects.get(client_id=make_client().client_id)
    with pytest.raises(ValueError, match="hasher"):
        secrets.add_hashed(client, hashed)
