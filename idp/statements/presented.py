"""Finding what a token request presents, a code or a refresh token, with what it stands for."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

from accounts.models import Session, User
from foundation.statements import Columns, changed, instances, one
from idp.models import Authorization, ClientSession

_AUTHORIZATION = Columns(Authorization, "a")
_PERSON = Columns(User, "u", "id", "sub", "is_active")
_SESSION = Columns(
    Session, "s", "id", "ended_at", "last_seen_at", "authenticated_at", "until_closed"
)
_CLIENT_SESSION = Columns(ClientSession, "x")
_FAMILY = (_AUTHORIZATION, _PERSON, _SESSION, _CLIENT_SESSION)
FAMILY_COLUMNS = ", ".join(part.sql for part in _FAMILY)
FAMILY_TABLES = """
    idp_authorization a
    JOIN accounts_user u ON u.id = a.user_id
    LEFT JOIN accounts_session s ON s.id = a.session_id
    LEFT JOIN idp_clientsession x ON x.id = a.client_session_id
"""


def _family(row: Sequence[Any]) -> Authorization:
    """Return the authorization; of its person and session it has what is judged and told."""
    authorization, user, session, client_session = instances(row, *_FAMILY)
    # As with the ORM's `select_related()`: by their names, each looks at what was there before.
    authorization._state.fields_cache.update(
        user=user, session=session, client_session=client_session
    )
    return authorization  # type: ignore[no-any-return]


@dataclass(frozen=True)
class Kind:
    """Codes, or refresh tokens: what the statements about either differ in."""

    table: str
    #: The column with the hash of what is presented.
    hashed: str
    #: The column that says since when it is used up.
    used_at: str
    #: What is read of it, before what is read of its family; the parameter is the present time.
    columns: str

    @cached_property
    def finding(self) -> str:
        """The statement that finds an unused one and its family.

        Whose it is, is no condition: on new tables PostgreSQL would take the index of clients for
        as good as that of hashes.
        """
        return f"""
            SELECT {self.columns}, {FAMILY_COLUMNS}
            FROM {self.table} t JOIN ({FAMILY_TABLES}) ON a.id = t.authorization_id
            WHERE t.{self.hashed} = %s AND t.{self.used_at} IS NULL
        """


CODES = Kind(
    "idp_authorizationcode",
    "code",
    "redeemed_at",
    "t.id, t.application_id, t.expires <= %s, t.redirect_uri, t.code_challenge",
)
REFRESH_TOKENS = Kind(
    "idp_refreshtoken", "token_checksum", "revoked", "t.id, t.application_id, t.expires <= %s"
)


@dataclass(frozen=True)
class Spent:
    """What a token request uses up: the row of a code or of a refresh token."""

    kind: Kind
    id: int


@dataclass(frozen=True)
class FoundCode:
    """An authorization code that is still good for something, with what it stands for."""

    spent: Spent
    authorization: Authorization
    expired: bool
    redirect_uri: str
    code_challenge: str


def find_code(code_hash: str, client_id: int, now: datetime) -> FoundCode | None:
    """Return an unused code of this client, or None.

    Hand-written: as model instances by the ORM, the five rows would cost more than all the rest of
    an exchange but its signature.
    """
    row = one(CODES.finding, [now, code_hash])
    return None if row is None or row[1] != client_id else code_in(row)


def code_in(row: Sequence[Any]) -> FoundCode:
    """Return the code in a row of `CODES.columns` and its family's."""
    return FoundCode(Spent(CODES, row[0]), _family(row[5:]), bool(row[2]), row[3], row[4])


@dataclass(frozen=True)
class FoundRefreshToken:
    """A refresh token that may be used, with what it stands for."""

    spent: Spent
    #: The token that its successor succeeds.
    id: int
    authorization: Authorization
    expired: bool


def find_refresh_token(token_hash: str, client_id: int, now: datetime) -> FoundRefreshToken | None:
    """Return an unused refresh token of this client, or None. Hand-written as `find_code` is."""
    row = one(REFRESH_TOKENS.finding, [now, token_hash])
    return None if row is None or row[1] != client_id else refresh_token_in(row)


def refresh_token_in(row: Sequence[Any]) -> FoundRefreshToken:
    """Return the refresh token in a row of `REFRESH_TOKENS.columns` and its family's."""
    return FoundRefreshToken(Spent(REFRESH_TOKENS, row[0]), row[0], _family(row[3:]), bool(row[2]))


def use_up(spent: Spent, now: datetime) -> None:
    """Use a code or a refresh token up for nothing: whoever sent it does not own it."""
    kind = spent.kind
    changed(
        f"UPDATE {kind.table} SET {kind.used_at} = %s WHERE id = %s AND {kind.used_at} IS NULL",
        [now, spent.id],
    )
