"""The few hand-written SQL statements of the hottest paths, each with its reason.

Everything else is the ORM, which costs a millisecond where these cost a tenth. They run unchanged
on PostgreSQL and SQLite.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import Any

from django.db import connection, transaction
from django.utils.dateparse import parse_datetime

from accounts.models import Session, User
from accounts.rows import Columns, changed, instances, one
from accounts.sessions import SESSION, USER, session_in
from idp.models import Authorization, ClientSession
from idp.protocol.vocabulary import SCOPE_CLAIMS

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
class NewCode:
    """What is stored of an authorization code."""

    code_hash: str
    redirect_uri: str
    code_challenge: str
    code_challenge_method: str
    expires: datetime


#: True, and PostgreSQL does not wait for the disk at the end of this transaction: for what was
#: given a moment before a crash, and may be lost with it, since asking again costs nothing.
_NO_WAIT = "set_config('synchronous_commit', 'off', TRUE) = 'off'"
_NEW_AUTHORIZATION = """
    INSERT INTO idp_authorization (
        client_id, user_id, session_id, client_session_id, scope, claims, resource, offline, nonce,
        auth_time, acr, amr, created_at
    )
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
    RETURNING id, user_id, client_id, scope
"""
_NEW_CODE = """
    INSERT INTO idp_authorizationcode (
        code, redirect_uri, code_challenge, code_challenge_method, expires, created, updated,
        authorization_id, user_id, application_id, scope, claims, resource, nonce
    )
    SELECT %s, %s, %s, %s, %s, %s, %s
"""
_UNUSED = "'', '[]', ''"
_NEW_AUTHORIZATION_WITH_CODE = f"""
    WITH family AS ({_NEW_AUTHORIZATION})
    {_NEW_CODE}, id, user_id, client_id, scope, {_UNUSED} FROM family WHERE {_NO_WAIT}
    RETURNING authorization_id
"""


def store_authorization(authorization: Authorization, code: NewCode | None, now: datetime) -> None:
    """Store a new authorization, and its code if it has one: both or none.

    Hand-written so that on PostgreSQL it is one statement, as with `store_tokens`.
    """
    values = [
        authorization.client_id,
        authorization.user_id,
        authorization.session_id,
        authorization.client_session_id,
        authorization.scope,
        json.dumps(authorization.claims),
        json.dumps(authorization.resource),
        authorization.offline,
        authorization.nonce,
        authorization.auth_time,
        authorization.acr,
        json.dumps(authorization.amr),
        now,
    ]
    if code is None:
        (authorization.pk, *_) = one(_NEW_AUTHORIZATION, values)
        return
    of_code = [
        code.code_hash,
        code.redirect_uri,
        code.code_challenge,
        code.code_challenge_method,
        code.expires,
        now,
        now,
    ]
    if connection.vendor == "postgresql":
        (authorization.pk,) = one(_NEW_AUTHORIZATION_WITH_CODE, [*values, *of_code])
        return
    with transaction.atomic():
        authorization.pk, *repeated = one(_NEW_AUTHORIZATION, values)
        changed(
            f"{_NEW_CODE}, %s, %s, %s, %s, {_UNUSED}",
            [*of_code, authorization.pk, *repeated],
        )


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


_CLIENT_IS_AS_KNOWN = "c.id = %s AND c.version = %s AND c.enabled"
#: What comes last of each, the client, is what the gate gives.
_NEW_ACCESS_TOKEN = """
    INSERT INTO idp_accesstoken (
        token_checksum, authorization_id, user_id, scope, expires, created, updated,
        resource, signed_with, token, application_id
    )
    SELECT %s, %s, %s, %s, %s, %s, %s, %s, %s, ''
"""
_NEW_REFRESH_TOKEN = """
    INSERT INTO idp_refreshtoken (
        token_checksum, authorization_id, user_id, expires, created, updated,
        resource, predecessor_id, token, application_id
    )
    SELECT %s, %s, %s, %s, %s, %s, %s, %s, ''
"""


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
    gate = _gate(spent.table, spent.used_at) if spent else _gate()
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
def _gate(table: str | None = None, used_at: str | None = None) -> str:
    """Return the statement that gives the client's id if the tokens may be stored."""
    if table is None:
        return f"SELECT c.id FROM idp_client c WHERE {_CLIENT_IS_AS_KNOWN}"
    return f"""
        UPDATE {table} AS t SET {used_at} = %s, updated = %s FROM idp_client c
        WHERE t.id = %s AND t.{used_at} IS NULL AND {_CLIENT_IS_AS_KNOWN}
        RETURNING application_id
    """


@cache
def _in_one(gate: str, *inserts: str, waits: bool) -> str:
    """Return the statement that passes the gate and inserts, or does nothing."""
    *before, last = [f"{insert}, client FROM gate" for insert in inserts]
    given = "".join(f", given AS ({insert})" for insert in before)
    return f"WITH gate (client) AS ({gate}){given} {last}{'' if waits else f' WHERE {_NO_WAIT}'}"


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


def use_assertion(client_id: int, jti_hash: str, expires_at: datetime) -> bool:
    """Note that a client assertion was used; return False if it was before.

    Hand-written for ON CONFLICT: of many at once exactly one succeeds, in one statement.
    """
    inserted = changed(
        """
        INSERT INTO idp_usedassertion (client_id, jti_hash, expires_at) VALUES (%s, %s, %s)
        ON CONFLICT DO NOTHING
        """,
        [client_id, jti_hash, expires_at],
    )
    return inserted == 1


@dataclass(frozen=True)
class Standing:
    """What somebody's session and a client are to each other, and what the client is now."""

    session: Session
    #: None where there is no such client any more.
    client_version: int | None
    client_enabled: bool
    consented: frozenset[str]
    claims_consented: frozenset[str]
    client_session_id: int | None


_STANDING = f"""
    SELECT {SESSION.sql}, {USER.sql}, c.version, c.enabled, k.scopes, k.claims, x.id
    FROM accounts_session s
    JOIN accounts_user u ON u.id = s.user_id
    LEFT JOIN idp_client c ON c.id = %s
    LEFT JOIN idp_consent k ON k.client_id = c.id AND k.user_id = u.id
         AND (k.expires_at IS NULL OR k.expires_at > %s)
    LEFT JOIN idp_clientsession x ON x.client_id = c.id AND x.session_id = s.id
         AND x.ended_at IS NULL
    WHERE s.id = %s
"""


def find_standing(session_id: str, client_id: int, now: datetime) -> Standing | None:
    """Return a session with its user, consent, client session, and the client's present version.

    None if there is no such session. Hand-written because authorize asks all of it of everyone who
    comes by single sign-on.
    """
    row = one(_STANDING, [client_id, now, session_id])
    if row is None:
        return None
    version, enabled, scopes, claims, client_session_id = row[-5:]
    return Standing(
        session_in(row),
        version,
        bool(enabled),
        frozenset(_json(scopes) or ()),
        frozenset(_json(claims) or ()),
        client_session_id,
    )


@dataclass(frozen=True)
class Bearer:
    """An access token with all that its use is judged by, and the claims of its person."""

    client_id: str
    client_version: int
    required_acr: str
    scope: str
    resource: tuple[str, ...]
    issued_at: datetime
    expires: datetime
    expired: bool
    revoked: bool
    session_ended: bool
    client_enabled: bool
    user_active: bool | None
    auth_time: datetime | None
    acr: str | None
    amr: tuple[str, ...]
    #: The claims that the authorization request asked for at UserInfo (OIDC Core §5.5).
    claims_asked: tuple[str, ...]
    user: dict[str, Any]
    #: Whether the client wants UserInfo signed or encrypted.
    userinfo_is_jwt: bool

    @property
    def problem(self) -> str | None:
        """Why the token is not good any more, or None: all is judged at its use."""
        problems = {
            "The access token has expired.": self.expired,
            "The access token has been revoked.": self.revoked,
            "The session that the access token belongs to has ended.": self.session_ended,
            "The client has been disabled.": not self.client_enabled,
            "The account has been disabled.": self.user_active is False,
            "The app knows people by other subjects since.": self.user.get("sub") == "",
        }
        return next((text for text, holds in problems.items() if holds), None)


#: The columns of a person that claims come from, by the claims' names.
_USER_COLUMNS = tuple(
    name for names in SCOPE_CLAIMS.values() for name in names if name != "email_verified"
)

_BEARER = f"""
    SELECT c.client_id, t.scope, t.resource, t.created, t.expires, t.expires <= %s,
           a.revoked_at IS NOT NULL, s.ended_at IS NOT NULL AND NOT a.offline,
           c.enabled, u.is_active, a.auth_time, a.acr, a.amr,
           COALESCE(e.verified, FALSE), c.version, c.required_acr, a.claims, u.id,
           CASE WHEN c.subject_type = 'pairwise' THEN p.sub ELSE u.sub END,
           {", ".join(f"u.{column}" for column in _USER_COLUMNS)},
           c.userinfo_signed_response_alg <> '' OR c.userinfo_encrypted_response_alg <> ''
    FROM idp_accesstoken t
    JOIN idp_client c ON c.id = t.application_id
    LEFT JOIN idp_authorization a ON a.id = t.authorization_id
    LEFT JOIN accounts_session s ON s.id = a.session_id
    LEFT JOIN accounts_user u ON u.id = a.user_id
    LEFT JOIN account_emailaddress e ON e.user_id = u.id AND e.email = u.email
    LEFT JOIN idp_pairwisesubject p ON c.subject_type = 'pairwise'
         AND p.user_id = u.id AND p.sector = c.sector
    WHERE t.token_checksum = %s
"""


def find_bearer(token_hash: str, now: datetime) -> Bearer | None:
    """Return the access token with this hash, or None.

    Hand-written because UserInfo is one SELECT over seven tables; as model instances they would
    cost three times the whole request.
    """
    row = one(_BEARER, [now, token_hash])
    if row is None:
        return None
    user = dict(zip(_USER_COLUMNS, row[19:-1], strict=True))
    user["sub"] = row[18]
    nobody = row[9] is None
    return Bearer(
        client_id=row[0],
        client_version=row[14],
        required_acr=row[15],
        scope=row[1],
        resource=tuple(_json(row[2])),
        issued_at=_datetime(row[3]),
        expires=_datetime(row[4]),
        expired=bool(row[5]),
        revoked=bool(row[6]),
        session_ended=bool(row[7]),
        client_enabled=bool(row[8]),
        user_active=None if nobody else bool(row[9]),
        auth_time=None if row[10] is None else _datetime(row[10]),
        acr=row[11],
        amr=tuple(_json(row[12]) or ()),
        claims_asked=tuple((_json(row[16]) or {}).get("userinfo", ())),
        user=(
            {} if nobody else {"id": row[17], **_readable(user), "email_verified": bool(row[13])}
        ),
        userinfo_is_jwt=bool(row[-1]),
    )


def _readable(user: dict[str, Any]) -> dict[str, Any]:
    """Give columns the types that the model would: SQLite has text where PostgreSQL has types."""
    return {
        **user,
        "sub": _uuid_text(user["sub"]) if user["sub"] else "",
        "address": _json(user["address"]),
        "updated_at": _datetime(user["updated_at"]),
        "phone_number_verified": bool(user["phone_number_verified"]),
    }


def _json(value: Any) -> Any:
    return json.loads(value) if isinstance(value, str) else value


def _datetime(value: datetime | str) -> datetime:
    moment = value if isinstance(value, datetime) else parse_datetime(value)
    if moment is None:
        raise ValueError(f"not a time: {value!r}")
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)  # SQLite keeps no zone


def _uuid_text(value: Any) -> str:
    text = str(value)
    return (
        text if "-" in text else f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
    )
