"""Storing tokens, and using up what they are given for."""

import json
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from django.db import connection, transaction

from foundation.statements import changed, one
from idp.statements.presented import Kind, Spent

#: True, and PostgreSQL does not wait for the disk at the end of this transaction: for what was
#: given a moment before a crash, and may be lost with it, since asking again costs nothing.
NO_WAIT = "set_config('synchronous_commit', 'off', TRUE) = 'off'"


@dataclass(frozen=True)
class NewAccessToken:
    """What is stored of an access token."""

    token_hash: str
    client_id: int
    client_version: int
    authorization_id: int | None
    user_id: int | None
    scope: str
    resource: tuple[str, ...]
    expires: datetime
    #: The `kid` of the key that signed it; None for an opaque one.
    signed_with: str | None


@dataclass(frozen=True)
class NewRefreshToken:
    """What is stored of a refresh token."""

    token_hash: str
    authorization_id: int
    user_id: int
    resource: list[str]
    expires: datetime
    predecessor_id: int | None


CLIENT_IS_AS_KNOWN = "c.id = %s AND c.version = %s AND c.enabled"
INTO_ACCESS_TOKENS = """
    INSERT INTO idp_accesstoken (
        token_checksum, authorization_id, user_id, scope, expires, created, updated,
        resource, signed_with, token, application_id
    )
"""
INTO_REFRESH_TOKENS = """
    INSERT INTO idp_refreshtoken (
        token_checksum, authorization_id, user_id, expires, created, updated,
        resource, predecessor_id, token, application_id
    )
"""
#: What comes last of each, the client, is what the gate gives.
_NEW_ACCESS_TOKEN = f"{INTO_ACCESS_TOKENS} SELECT %s, %s, %s, %s, %s, %s, %s, %s, %s, ''"
_NEW_REFRESH_TOKEN = f"{INTO_REFRESH_TOKENS} SELECT %s, %s, %s, %s, %s, %s, %s, %s, ''"


def store_tokens(
    access: NewAccessToken, refresh: NewRefreshToken | None, spent: Spent | None, now: datetime
) -> bool:
    """Store new tokens and use up what they are given for, all of it or nothing.

    Returns False, with nothing done, if that was used meanwhile, or the client is no longer as the
    caller knows it: of many at once exactly one succeeds, and whoever went by a remembered client
    learns here that it has changed.

    Hand-written so that on PostgreSQL it is one statement, which needs no transaction around it:
    each that is saved is a tenth of what the request costs. SQLite can't insert within a WITH, and
    has nobody to send statements to.
    """
    gate = _gate(spent.kind if spent else None)
    of_gate = [*((now, now, spent.id) if spent else ()), access.client_id, access.client_version]
    inserts = {_NEW_ACCESS_TOKEN: _access_token(access, now)}
    if refresh is not None:
        inserts[_NEW_REFRESH_TOKEN] = _refresh_token(refresh, now)
    if connection.vendor == "postgresql":
        values = [value for of_insert in inserts.values() for value in of_insert]
        waits = spent is not None or refresh is not None
        return changed(_in_one(gate, *inserts, waits=waits), [*of_gate, *values]) == 1
    with transaction.atomic():
        row = one(gate, of_gate)
        if row is None:
            return False
        for insert, values in inserts.items():
            changed(f"{insert}, %s", [*values, row[0]])
    return True


@cache
def _gate(kind: Kind | None) -> str:
    """Return the statement that gives the client's id if the tokens may be stored."""
    if kind is None:
        return f"SELECT c.id FROM idp_client c WHERE {CLIENT_IS_AS_KNOWN}"
    return f"""
        UPDATE {kind.table} AS t SET {kind.used_at} = %s, updated = %s FROM idp_client c
        WHERE t.id = %s AND t.{kind.used_at} IS NULL AND {CLIENT_IS_AS_KNOWN}
        RETURNING application_id
    """


@cache
def _in_one(gate: str, *inserts: str, waits: bool) -> str:
    """Return the statement that passes the gate and inserts, or does nothing."""
    *before, last = [f"{insert}, client FROM gate" for insert in inserts]
    given = "".join(f", given AS ({insert})" for insert in before)
    return f"WITH gate (client) AS ({gate}){given} {last}{'' if waits else f' WHERE {NO_WAIT}'}"


def _access_token(token: NewAccessToken, now: datetime) -> list[Any]:
    return [
        token.token_hash,
        token.authorization_id,
        token.user_id,
        token.scope,
        token.expires,
        now,
        now,
        json.dumps(token.resource),
        token.signed_with,
    ]


def _refresh_token(token: NewRefreshToken, now: datetime) -> list[Any]:
    return [
        token.token_hash,
        token.authorization_id,
        token.user_id,
        token.expires,
        now,
        now,
        json.dumps(token.resource),
        token.predecessor_id,
    ]
