"""Using up what a token request presents, storing tokens, and finding what it stands for.

All in one statement, before anything is judged. ADR 21.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from django.db import connection

from foundation.statements import changed, one
from idp.statements.presented import (
    CODES,
    FAMILY_COLUMNS,
    FAMILY_TABLES,
    REFRESH_TOKENS,
    FoundCode,
    FoundRefreshToken,
    Kind,
    code_in,
    refresh_token_in,
)
from idp.statements.tokens import CLIENT_IS_AS_KNOWN, INTO_ACCESS_TOKENS, INTO_REFRESH_TOKENS


@dataclass(frozen=True)
class StoredAhead:
    """What is stored of tokens before it is known whose they are."""

    client_id: int
    client_version: int
    access_hash: str
    access_expires: datetime
    #: None where the client gets no refresh token, whatever was granted.
    refresh_hash: str | None
    #: Whether it gets one for what ends with the session, too.
    refresh_without_offline: bool
    refresh_idle: timedelta
    refresh_absolute: timedelta


def take_code(code_hash: str, ahead: StoredAhead, now: datetime) -> FoundCode | None:
    """Use a code up, store tokens for what it stands for, and return that.

    None, with nothing done, for one that is unknown, used, another client's or not a plain one (its
    request named APIs or claims), where the client is no longer as the caller knows it, and on
    SQLite: `find_code` tells which. What comes is yet to be judged, as from there; where it is
    refused, `take_back` the tokens, which nobody has seen.
    """
    row = _taken(CODES, code_hash, ahead, now)
    return None if row is None else code_in(row)


def take_refresh_token(
    token_hash: str, ahead: StoredAhead, now: datetime
) -> FoundRefreshToken | None:
    """Use a refresh token up, and do the rest as `take_code` does."""
    row = _taken(REFRESH_TOKENS, token_hash, ahead, now)
    return None if row is None else refresh_token_in(row)


def take_back(ahead: StoredAhead) -> None:
    """Delete tokens that were stored for what was refused."""
    changed("DELETE FROM idp_refreshtoken WHERE token_checksum = %s", [ahead.refresh_hash])
    changed("DELETE FROM idp_accesstoken WHERE token_checksum = %s", [ahead.access_hash])


def _taken(kind: Kind, value_hash: str, ahead: StoredAhead, now: datetime) -> Any:
    if connection.vendor != "postgresql":
        return None
    of_gate = [now, now, value_hash, ahead.client_id, ahead.client_version, now]
    of_access = [ahead.access_hash, ahead.access_expires, now, now]
    if ahead.refresh_hash is None:
        return one(statement(kind, with_refresh=False), [*of_gate, *of_access])
    of_refresh = [
        ahead.refresh_hash,
        now + ahead.refresh_idle,
        ahead.refresh_absolute,
        now,
        now,
        ahead.refresh_without_offline,
    ]
    return one(statement(kind, with_refresh=True), [*of_gate, *of_access, *of_refresh])


#: Named, since several of the tables have an id.
_NAMED = ", ".join(f"{name} AS {name.replace('.', '_')}" for name in FAMILY_COLUMNS.split(", "))


@cache
def statement(kind: Kind, *, with_refresh: bool) -> str:
    """Return the statement that takes one.

    The row is found by its hash, and the others from it. What else has to hold is said so that no
    plan can begin with it: on new tables PostgreSQL would take that for as good, and keep to it.
    """
    return f"""
        WITH gate AS (
            UPDATE {kind.table} AS t SET {kind.used_at} = %s, updated = %s
            FROM idp_client c, {FAMILY_TABLES}
            WHERE t.{kind.hashed} = %s AND t.{kind.used_at} IS NULL
                  AND t.application_id + 0 = c.id AND {CLIENT_IS_AS_KNOWN}
                  AND a.id = t.authorization_id
                  AND CASE WHEN t.id > 0 THEN a.resource = '[]' AND a.claims = '{{}}' END
            RETURNING {kind.columns}, {_NAMED}
        ), given AS (
            {INTO_ACCESS_TOKENS}
            SELECT %s, a_id, a_user_id, a_scope, %s, %s, %s, '[]', NULL, '', application_id
            FROM gate
        ){_refreshing(kind) if with_refresh else ""}
        SELECT * FROM gate
    """


def _refreshing(kind: Kind) -> str:
    """Return the part that stores a refresh token."""
    predecessor = "id" if kind is REFRESH_TOKENS else "NULL::bigint"
    return f""", refreshing AS (
        {INTO_REFRESH_TOKENS}
        SELECT %s, a_id, a_user_id, LEAST(%s, a_created_at + %s), %s, %s,
               '[]', {predecessor}, '', application_id
        FROM gate WHERE a_offline OR %s
    )"""
