"""Finding what a token request presents, a code or a refresh token, with what it stands for."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from accounts.models import Session, User
from accounts.rows import Columns, changed, instances, one
from idp.models import Authorization, ClientSession

_AUTHORIZATION = Columns(Authorization, "a")
_PERSON = Columns(User, "u", "id", "sub", "is_active")
_SESSION = Columns(
    Session, "s", "id", "ended_at", "last_seen_at", "authenticated_at", "until_closed"
)
_CLIENT_SESSION = Columns(ClientSession, "x")
_FAMILY = (_AUTHORIZATION, _PERSON, _SESSION, _CLIENT_SESSION)
_FAMILY_COLUMNS = ", ".join(part.sql for part in _FAMILY)
_FAMILY_TABLES = """
    JOIN idp_authorization a ON a.id = t.authorization_id
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
class Spent:
    """What a token request uses up: the row of a code or of a refresh token."""

    table: str
    #: The column that says since when it is used up.
    used_at: str
    id: int


@dataclass(frozen=True)
class FoundCode:
    """An authorization code that is still good for something, with what it stands for."""

    spent: Spent
    authorization: Authorization
    expired: bool
    redirect_uri: str
    code_challenge: str


_CODE = f"""
    SELECT t.id, t.application_id, t.expires <= %s, t.redirect_uri, t.code_challenge,
           {_FAMILY_COLUMNS}
    FROM idp_authorizationcode t {_FAMILY_TABLES}
    WHERE t.code = %s AND t.redeemed_at IS NULL
"""


def find_code(code_hash: str, client_id: int, now: datetime) -> FoundCode | None:
    """Return an unused code of this client, or None.

    Hand-written: as model instances by the ORM, the five rows would cost more than all the rest of
    an exchange but its signature. Whose it is, is no condition: on new tables PostgreSQL would take
    the index of clients for as good as that of codes.
    """
    row = one(_CODE, [now, code_hash])
    if row is None or row[1] != client_id:
        return None
    spent = Spent("idp_authorizationcode", "redeemed_at", row[0])
    return FoundCode(spent, _family(row[5:]), bool(row[2]), row[3], row[4])


@dataclass(frozen=True)
class FoundRefreshToken:
    """A refresh token that may be used, with what it stands for."""

    spent: Spent
    #: The token that its successor succeeds.
    id: int
    authorization: Authorization
    expired: bool


_REFRESH_TOKEN = f"""
    SELECT t.id, t.application_id, t.expires <= %s, {_FAMILY_COLUMNS}
    FROM idp_refreshtoken t {_FAMILY_TABLES}
    WHERE t.token_checksum = %s AND t.revoked IS NULL
"""


def find_refresh_token(token_hash: str, client_id: int, now: datetime) -> FoundRefreshToken | None:
    """Return an unused refresh token of this client, or None. Hand-written as `find_code` is."""
    row = one(_REFRESH_TOKEN, [now, token_hash])
    if row is None or row[1] != client_id:
        return None
    return FoundRefreshToken(spent_refresh_token(row[0]), row[0], _family(row[3:]), bool(row[2]))


def spent_refresh_token(token_id: int) -> Spent:
    """Return what using this refresh token uses up."""
    return Spent("idp_refreshtoken", "revoked", token_id)


def use_up(spent: Spent, now: datetime) -> None:
    """Use a code or a refresh token up for nothing: whoever sent it does not own it."""
    changed(
        f"UPDATE {spent.table} SET {spent.used_at} = %s WHERE id = %s AND {spent.used_at} IS NULL",
        [now, spent.id],
    )
