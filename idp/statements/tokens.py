"""Storing tokens."""

from datetime import datetime
from typing import NamedTuple

from django.db import connection, transaction

from foundation.statements import changed

#: True, and PostgreSQL does not wait for the disk at the end of this transaction: for what may be
#: lost in a crash, since asking again costs nothing, or what is followed by a commit that waits.
NO_WAIT = "set_config('synchronous_commit', 'off', TRUE) = 'off'"


class NewAccessToken(NamedTuple):
    """What is stored of an access token, in the order of the statement's columns."""

    token_hash: str
    client_id: int
    grant_id: int | None
    user_id: int | None
    scope: str
    expires: datetime
    created: datetime
    updated: datetime
    #: A JSON array.
    resource: str
    #: The `kid` of the key that signed it; None for an opaque one.
    signed_with: str | None


class NewRefreshToken(NamedTuple):
    """What is stored of a refresh token, in the order of the statement's columns."""

    token_hash: str
    client_id: int
    grant_id: int
    user_id: int
    expires: datetime
    created: datetime
    updated: datetime
    #: A JSON array.
    resource: str
    predecessor_id: int | None


_ACCESS_TOKEN = """
    INSERT INTO idp_accesstoken (
        token_checksum, application_id, grant_id, user_id, scope, expires, created,
        updated, resource, signed_with, token
    )
    SELECT %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, ''
"""
#: The successor of a token may be stored already, where two tabs used that at once (ADR 22).
_REFRESH_TOKEN = """
    INSERT INTO idp_refreshtoken (
        token_checksum, application_id, grant_id, user_id, expires, created, updated,
        resource, predecessor_id, token
    )
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, '')
    ON CONFLICT (token_checksum) DO NOTHING
"""
_BOTH = f"WITH given AS ({_ACCESS_TOKEN}) {_REFRESH_TOKEN}"


def store_access_token(token: NewAccessToken, *, waits: bool) -> None:
    """Store an access token, and wait (or not) until PostgreSQL has it on the disk. ADR 20."""
    leaves = not waits and connection.vendor == "postgresql"
    changed(f"{_ACCESS_TOKEN} WHERE {NO_WAIT}" if leaves else _ACCESS_TOKEN, token)


def store_tokens(access: NewAccessToken, refresh: NewRefreshToken) -> None:
    """Store both tokens or none.

    Hand-written so that on PostgreSQL it is one statement, which needs no transaction around it:
    each that is saved is a tenth of what the request costs. SQLite can't insert within a WITH, and
    has nobody to send statements to.
    """
    if connection.vendor == "postgresql":
        changed(_BOTH, [*access, *refresh])
        return
    with transaction.atomic():
        changed(_ACCESS_TOKEN, access)
        changed(_REFRESH_TOKEN, refresh)
