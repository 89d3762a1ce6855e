"""Use up a code or a refresh token, and read its grant. ADR 28.

Hand-written because model instances by the ORM would cost more than the rest of an exchange except
its signature. PostgreSQL does it in one statement. SQLite returns columns of the updated table
alone, so a second statement reads the rest.
"""

from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Generic, TypeVar

from django.db import connection, transaction

from accounts.models import Session, User
from foundation.statements import Columns, instances, one
from idp.models import AuthorizationCode, Client, ClientSession, Grant, RefreshToken
from idp.statements.tokens import NO_WAIT

M = TypeVar("M", AuthorizationCode, RefreshToken)
_GRANT = (
    Columns(Grant, "a"),
    Columns(User, "u", "id", "sub", "is_active"),
    Columns(Session, "s", "id", "ended_at", "last_seen_at", "authenticated_at", "until_closed"),
    Columns(ClientSession, "x"),
)
_TABLES = """
    idp_grant a
    JOIN accounts_user u ON u.id = a.user_id
    LEFT JOIN accounts_session s ON s.id = a.session_id
    LEFT JOIN idp_clientsession x ON x.id = a.client_session_id
"""


@dataclass(frozen=True)
class Redeemable(Generic[M]):
    """Codes or refresh tokens: the differences between their statements."""

    model: type[M]
    columns: Columns[M]
    table: str
    #: The column with the hash.
    hashed: str
    #: The column with the time of use.
    used_at: str

    @cached_property
    def in_one(self) -> str:
        """Return the statement of PostgreSQL.

        The row is found by its hash, and the others from it. The client is compared in a way that
        no plan can begin with: on new tables PostgreSQL would consider that as good, and keep the
        plan. The commit does not wait for the disk: the later commit of the tokens does, and
        commits reach it in order.
        """
        return f"""
            UPDATE {self.table} AS t SET {self.used_at} = %s, updated = %s FROM {_TABLES}
            WHERE t.{self.hashed} = %s AND t.{self.used_at} IS NULL
                  AND t.application_id + 0 = %s AND a.id = t.grant_id AND {NO_WAIT}
            RETURNING {self._read}
        """

    @cached_property
    def in_two(self) -> tuple[str, str]:
        """The statements of SQLite; the second takes the id that the first gives."""
        return (
            f"""
            UPDATE {self.table} SET {self.used_at} = %s, updated = %s
            WHERE {self.hashed} = %s AND {self.used_at} IS NULL AND application_id = %s
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
    Columns(AuthorizationCode, "t", "id", "grant_id", "expires", "redirect_uri", "code_challenge"),
    "idp_authorizationcode",
    "code",
    "redeemed_at",
)
REFRESH_TOKENS = Redeemable(
    RefreshToken,
    Columns(RefreshToken, "t", "id", "grant_id", "expires"),
    "idp_refreshtoken",
    "token_checksum",
    "revoked",
)


def use_up(kind: Redeemable[M], value_hash: str, client: Client, now: datetime) -> M | None:
    """Use up an unused code or refresh token of a client, and return it with its grant.

    Returns None if there is none; of many concurrent requests exactly one gets it. The grant's user
    and session have only the columns for validity and for tokens' claims.
    """
    values = [now, now, value_hash, client.pk]
    if connection.vendor == "postgresql":
        row = one(kind.in_one, values)
    else:
        using_up, reading = kind.in_two
        with transaction.atomic():
            used = one(using_up, values)
            row = one(reading, used) if used else None
    if row is None:
        return None
    presented, grant, user, session, client_session = instances(row, kind.columns, *_GRANT)
    # As the ORM's `select_related()` does; assigning an attribute would read the value before it.
    grant._state.fields_cache.update(user=user, session=session, client_session=client_session)
    presented._state.fields_cache.update(grant=grant, application=client)
    return presented  # type: ignore[no-any-return]


def give_back(kind: Redeemable[M], row: M) -> None:
    """Let a code or refresh token be used that no tokens were given for."""
    kind.model.objects.filter(pk=row.pk).update(**{kind.used_at: None})
