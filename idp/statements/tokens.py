"""The statements of token requests: use up a code or refresh token, and store new tokens. ADR 28.

Hand-written because model instances by the ORM would cost more than the rest of an exchange except
its signature. On PostgreSQL each is one statement. SQLite returns columns of the updated table
alone and can't insert within a WITH, so it takes two, and has no network round trips.
"""

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Generic, NamedTuple, TypeVar

from django.db import connection, transaction

from accounts.models import Session, User
from foundation.statements import Columns, changed, instances, one
from idp.models import (
    AuthorizationCode,
    BackchannelAuthentication,
    Client,
    ClientSession,
    DeviceCode,
    Grant,
    PairwiseSubject,
    RefreshToken,
)

M = TypeVar("M", AuthorizationCode, RefreshToken, DeviceCode, BackchannelAuthentication)
#: True: PostgreSQL does not wait for the disk at the end of this transaction. For rows that may be
#: lost in a crash, since a client can repeat the request, or that are followed by a commit that
#: waits.
NO_WAIT = "set_config('synchronous_commit', 'off', TRUE) = 'off'"
_GRANT = (
    Columns(Grant, "a"),
    Columns(User, "u", "id", "sub", "is_active"),
    Columns(Session, "s", "id", "ended_at", "last_seen_at", "authenticated_at", "until_closed"),
    Columns(ClientSession, "x"),
    Columns(PairwiseSubject, "p", "id", "sub"),
)
#: Their parameter is the sector of the client.
_TABLES = """
    idp_grant a
    JOIN accounts_user u ON u.id = a.user_id
    LEFT JOIN accounts_session s ON s.id = a.session_id
    LEFT JOIN idp_clientsession x ON x.id = a.client_session_id
    LEFT JOIN idp_pairwisesubject p ON p.user_id = a.user_id AND p.sector = %s
"""


@dataclass(frozen=True)
class Redeemable(Generic[M]):
    """What tokens are redeemed for: codes and others, and how their statements differ."""

    model: type[M]
    columns: Columns[M]
    table: str
    #: The column with the hash.
    hashed: str
    #: The column with the time of use.
    used_at: str
    #: Another column with the time of the last change.
    changed_at: str = "updated"
    #: The field with the client.
    client: str = "application"

    @cached_property
    def in_one(self) -> str:
        """Return the statement of PostgreSQL.

        The row is found by its hash, and the others from it. The client is compared in a way that
        no plan can begin with: on new tables PostgreSQL would consider that as good, and keep the
        plan. The commit does not wait for the disk: the later commit of the tokens does, and
        commits reach it in order.
        """
        return f"""
            UPDATE {self.table} AS t SET {self.used_at} = %s, {self.changed_at} = %s FROM {_TABLES}
            WHERE t.{self.hashed} = %s AND t.{self.used_at} IS NULL
                  AND t.{self.client}_id + 0 = %s AND a.id = t.grant_id AND {NO_WAIT}
            RETURNING {self._read}
        """

    @cached_property
    def in_two(self) -> tuple[str, str]:
        """The statements of SQLite; the second takes the sector, and the id of the first."""
        return (
            f"""
            UPDATE {self.table} SET {self.used_at} = %s, {self.changed_at} = %s
            WHERE {self.hashed} = %s AND {self.used_at} IS NULL AND {self.client}_id = %s
            RETURNING id
            """,
            f"""
            SELECT {self._read} FROM {self.table} t JOIN ({_TABLES}) ON a.id = t.grant_id
            WHERE t.id = %s
            """,
        )

    @property
    def _read(self) -> str:
        return ", ".join(part.sql for part in (self.columns, *_GRANT))


CODES = Redeemable(
    AuthorizationCode,
    Columns(
        AuthorizationCode, "t", "id", "grant_id", "expires", "redirect_uri", "code_challenge", "cnf"
    ),
    "idp_authorizationcode",
    "code",
    "redeemed_at",
)
REFRESH_TOKENS = Redeemable(
    RefreshToken,
    Columns(RefreshToken, "t", "id", "grant_id", "expires", "cnf"),
    "idp_refreshtoken",
    "token_checksum",
    "revoked",
)
DEVICE_CODES = Redeemable(
    DeviceCode,
    Columns(DeviceCode, "t", "id", "grant_id", "expires"),
    "idp_devicecode",
    "device_code",
    "redeemed_at",
    "last_checked",
)
BACKCHANNEL_REQUESTS = Redeemable(
    BackchannelAuthentication,
    Columns(BackchannelAuthentication, "t", "id", "grant_id", "expires"),
    "idp_backchannelauthentication",
    "id_hash",
    "redeemed_at",
    "last_checked",
    "client",
)


def use_up(kind: Redeemable[M], value_hash: str, client: Client, now: datetime) -> M | None:
    """Use up an unused code, or another `Redeemable`, of a client; return it with its grant.

    Returns None if there is none; of many concurrent requests exactly one gets it. The grant's user
    and session have only the columns for validity and for tokens' claims. The grant has the subject
    that the client knows its user by.
    """
    if connection.vendor == "postgresql":
        row = one(kind.in_one, [now, now, client.sector, value_hash, client.pk])
    else:
        using_up, reading = kind.in_two
        with transaction.atomic():
            used = one(using_up, [now, now, value_hash, client.pk])
            row = one(reading, [client.sector, used[0]]) if used else None
    if row is None:
        return None
    found = instances(row, kind.columns, *_GRANT)
    presented, grant, user, session, client_session, pairwise = found
    of_client = pairwise if client.subject_type == Client.PAIRWISE else user
    grant.subject = of_client.sub if of_client else None
    # As the ORM's `select_related()` does; assigning an attribute would read the value before it.
    grant._state.fields_cache.update(user=user, session=session, client_session=client_session)
    presented._state.fields_cache.update({"grant": grant, kind.client: client})
    return presented  # type: ignore[no-any-return]


def give_back(kind: Redeemable[M], row: M) -> None:
    """Let a code be used, or another `Redeemable`, that no tokens were given for."""
    kind.model.objects.filter(pk=row.pk).update(**{kind.used_at: None})


class NewAccessToken(NamedTuple):
    """The stored columns of an access token, in the statement's order."""

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
    #: A JSON object, or None.
    act: str | None
    #: A JSON object, or None.
    cnf: str | None
    #: A JSON array, or None.
    authorization_details: str | None


class NewRefreshToken(NamedTuple):
    """The stored columns of a refresh token, in the statement's order."""

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
    #: A JSON object, or None.
    cnf: str | None


_ACCESS_TOKEN = """
    INSERT INTO idp_accesstoken (
        token_checksum, application_id, grant_id, user_id, scope, expires, created,
        updated, resource, signed_with, act, cnf, authorization_details, token
    )
    SELECT %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, ''
"""
#: The successor of a token may be stored already, where two tabs used that at once (ADR 22).
_REFRESH_TOKEN = """
    INSERT INTO idp_refreshtoken (
        token_checksum, application_id, grant_id, user_id, expires, created, updated,
        resource, predecessor_id, cnf, token
    )
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, '')
    ON CONFLICT (token_checksum) DO NOTHING
"""
_BOTH = f"WITH given AS ({_ACCESS_TOKEN}) {_REFRESH_TOKEN}"


def store_access_token(token: NewAccessToken, *, waits: bool) -> None:
    """Store an access token, and wait (or not) until PostgreSQL has it on the disk. ADR 20."""
    leaves = not waits and connection.vendor == "postgresql"
    changed(f"{_ACCESS_TOKEN} WHERE {NO_WAIT}" if leaves else _ACCESS_TOKEN, token)


def store_tokens(access: NewAccessToken, refresh: NewRefreshToken) -> None:
    """Store both tokens or none.

    On PostgreSQL it is one statement, which needs no transaction around it.
    """
    if connection.vendor == "postgresql":
        changed(_BOTH, [*access, *refresh])
        return
    with transaction.atomic():
        changed(_ACCESS_TOKEN, access)
        changed(_REFRESH_TOKEN, refresh)
