"""Client secrets: random, stored as keyed hashes that are checked in microseconds. RFC 6749 §2.3.1.

Two may be valid at once, so that a client can get a new one before the old one expires.
"""

import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

import structlog
from django.contrib.auth.hashers import identify_hasher
from django.db import Error, transaction
from django.db.models import Q
from django.utils import timezone

from foundation import server_keys
from foundation.outages import transaction_is_lost
from idp.models import Client, ClientSecret

log = structlog.get_logger(__name__)
_PURPOSE = "client secret"
_HMAC_PURPOSE = "client secret as a key"
#: The shortest secret an operator may bring along; generated ones have 64 characters.
MINIMUM_LENGTH = 32
#: How many secrets of a client may be valid at the same time.
MOST_AT_ONCE = 2
#: How exactly it is known when a secret was last used.
USE_NOTED_EVERY = timedelta(hours=1)


class TooManySecretsError(Exception):
    """The client has as many valid secrets as it may: one of them has to be removed first."""


def generate() -> str:
    """Return a new secret: 64 URL-safe characters, 384 bits."""
    return secrets.token_urlsafe(48)


def add(client: Client, secret: str, *, others_end_at: datetime | None = None) -> ClientSecret:
    """Store a secret's hash for a saved client, beside those it has; they may end at a time.

    One that ends earlier anyway still does. Raises TooManySecretsError, leaving all as it was,
    where MOST_AT_ONCE others are valid now.
    """
    with _changing(client):
        now = timezone.now()
        if others_end_at is not None:
            later = Q(expires_at=None) | Q(expires_at__gt=others_end_at)
            client.secrets.filter(later).update(expires_at=others_end_at)
        if not has_room(client, now):
            raise TooManySecretsError(f"The client has {MOST_AT_ONCE} valid secrets already.")
        return ClientSecret.objects.create(client=client, **_columns(client, secret))


def add_first(client: Client, secret: str) -> ClientSecret:
    """Store a secret's hash for a client that this transaction makes: nobody has it yet."""
    return ClientSecret.objects.create(client=client, **_columns(client, secret))


def _columns(client: Client, secret: str) -> dict[str, str]:
    """Return what is stored of a secret: its keyed hash, and itself where it also is a key."""
    key = server_keys.seal(secret.encode(), _HMAC_PURPOSE) if client.needs_hmac_key else ""
    return {"hashed": server_keys.keyed_hash(secret, _PURPOSE), "sealed": key}


def add_hashed(client: Client, hashed: str) -> ClientSecret:
    """Store a secret that is known by a hash of Django's hashers alone: of a server before this.

    The hash is slow to check, so it is checked until the secret first comes, and is replaced by
    ours then (`find_hashed`). Raises ValueError for a hash that no hasher of settings can read, and
    TooManySecretsError.
    """
    if not _is_foreign(hashed) or not _is_readable(hashed):
        raise ValueError("No hasher of settings (PASSWORD_HASHERS) reads this hash.")
    with _changing(client):
        if not has_room(client, timezone.now()):
            raise TooManySecretsError(f"The client has {MOST_AT_ONCE} valid secrets already.")
        return ClientSecret.objects.create(client=client, hashed=hashed)


def has_hashed(client: Client, now: datetime) -> bool:
    """Whether a valid secret of the client has the hash of a server before this one."""
    return any(_is_foreign(row.hashed) and _is_valid(row, now) for row in client.secrets.all())


def find_hashed(client: Client, secret: str, now: datetime) -> ClientSecret | None:
    """Return which secret of a server before this one it is, or None. Takes as long as a password.

    Its hash is replaced by ours, so that this happens once.
    """
    for row in client.secrets.all():
        if not (_is_foreign(row.hashed) and _is_valid(row, now)):
            continue
        if _is_readable(row.hashed) and identify_hasher(row.hashed).verify(secret, row.hashed):
            _adopt(client, row, secret)
            return row  # type: ignore[no-any-return]
    return None


def _adopt(client: Client, row: ClientSecret, secret: str) -> None:
    """Replace the hash of a server before this one, unless the row has changed meanwhile.

    The client may be one that the process remembers, whose version has to stay that of its columns.
    """
    with _changing(Client(pk=client.pk)):
        unchanged = ClientSecret.objects.filter(pk=row.pk, hashed=row.hashed)
        unchanged.update(**_columns(client, secret))


def _is_foreign(hashed: str) -> bool:
    """Whether this is a hash of Django's hashers: its parts are separated by dollar signs."""
    return "$" in hashed and hashed.isascii()


def _is_readable(hashed: str) -> bool:
    """Whether one of Django's hashers in settings knows the form of a hash, and finds its parts."""
    try:
        identify_hasher(hashed).decode(hashed)
    except (ValueError, AssertionError, LookupError, TypeError):
        return False
    return True


def _is_valid(row: ClientSecret, now: datetime) -> bool:
    return row.expires_at is None or row.expires_at > now


def can_sign(client: Client) -> bool:
    """Whether a valid secret is stored that the client's algorithms can use, if they need one."""
    if not client.needs_hmac_key:
        return True
    now = timezone.now()
    rows = client.secrets.exclude(sealed="")
    kept = hmac_keys_of(rows, now)
    return any(len(key) >= client.hmac_key_octets for key in kept)


def has_room(client: Client, now: datetime) -> bool:
    """Whether the client may be given one more secret beside those that are valid now."""
    valid = Q(expires_at=None) | Q(expires_at__gt=now)
    return int(client.secrets.filter(valid).count()) < MOST_AT_ONCE


def remove(row: ClientSecret) -> None:
    """Remove a secret: from now on it is invalid, in every process."""
    with _changing(row.client):
        row.delete()


@contextmanager
def _changing(client: Client) -> Iterator[None]:
    """Change a client's secrets, one operator at a time, and increment its version.

    The version is read again, whatever the passed copy has; no other column is written.
    """
    rows = Client.objects.filter(pk=client.pk)
    with transaction.atomic():
        version = rows.select_for_update(no_key=True).values_list("version", flat=True).get()
        yield
        rows.update(version=version + 1)
    client.version = version + 1


def find(client: Client, secret: str, now: datetime) -> ClientSecret | None:
    """Return which of the client's secrets this is, of those that have not expired, or None.

    Those of a server before this one are left to `find_hashed`.
    """
    rows: Iterable[ClientSecret] = client.secrets.all()
    for row in rows:
        valid = row.expires_at is None or row.expires_at > now
        if valid and server_keys.matches(secret, row.hashed, _PURPOSE):
            return row
    return None


def hmac_keys(client: Client, now: datetime) -> list[bytes]:
    """Return the client's valid secrets that are stored as keys. OIDC Core §10.1.

    The one that authenticated the client last comes first, then the newest.

    Secrets that were made before the client needed a key are not among them.
    """
    return hmac_keys_of(client.secrets.all(), now)


def hmac_keys_of(rows: Iterable[ClientSecret], now: datetime) -> list[bytes]:
    """Return those of these secrets that are keys and valid, ordered as by `hmac_keys`."""
    kept = [row for row in rows if row.sealed and _is_valid(row, now)]
    kept.sort(
        key=lambda row: (row.last_used_at is not None, row.last_used_at or row.created_at),
        reverse=True,
    )
    return [server_keys.unseal(row.sealed, _HMAC_PURPOSE) for row in kept]


def is_valid_now(client: Client, secret: str) -> bool:
    """Whether the secret is valid now."""
    return find(client, secret, timezone.now()) is not None


def note_use(row: ClientSecret, now: datetime) -> None:
    """Record that a secret is in use: one statement an hour, which may fail.

    The row is cached in the process, so it is changed, too: a failed statement is not repeated at
    every request.
    """
    before = now - USE_NOTED_EVERY
    if row.last_used_at is not None and row.last_used_at > before:
        return
    row.last_used_at = now
    try:
        with transaction.atomic():
            due = ClientSecret.objects.filter(pk=row.pk).exclude(last_used_at__gt=before)
            due.update(last_used_at=now)
    except Error:
        log.warning("use_of_secret_not_noted", exc_info=True)
        if transaction_is_lost():
            raise
