"""The few hand-written SQL statements of the hottest paths, each with its reason.

Everything else is the ORM, which costs a millisecond where these cost a tenth. They run unchanged
on PostgreSQL and SQLite.
"""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.db import connection
from django.utils.dateparse import parse_datetime

from accounts.models import Session, User
from accounts.rows import Columns, changed, instances, one
from idp.models import Authorization, ClientSession
from idp.protocol.vocabulary import SCOPE_CLAIMS


@dataclass(frozen=True)
class RedeemedCode:
    """What the authorization code row said when it was taken."""

    authorization_id: int
    expired: bool
    redirect_uri: str
    code_challenge: str


def redeem_code(code_hash: str, client_id: int, now: datetime) -> RedeemedCode | None:
    """Take an unused code of this client, or return None. Of many at once exactly one succeeds.

    Hand-written for UPDATE … RETURNING: taking and reading are one statement, so nothing comes
    between them.
    """
    row = one(
        """
        UPDATE idp_authorizationcode SET redeemed_at = %s, updated = %s
        WHERE code = %s AND application_id = %s AND redeemed_at IS NULL
        RETURNING authorization_id, expires <= %s, redirect_uri, code_challenge
        """,
        [_time(now), _time(now), code_hash, client_id, _time(now)],
    )
    return None if row is None else RedeemedCode(row[0], bool(row[1]), row[2], row[3])


@dataclass(frozen=True)
class UsedRefreshToken:
    """What the refresh token row said when it was taken."""

    id: int
    authorization_id: int
    expired: bool


def use_refresh_token(token_hash: str, client_id: int, now: datetime) -> UsedRefreshToken | None:
    """Take an unused refresh token of this client, or return None. Of many at once one succeeds.

    Hand-written as `redeem_code` is, and for the same reason.
    """
    row = one(
        """
        UPDATE idp_refreshtoken SET revoked = %s, updated = %s
        WHERE token_checksum = %s AND application_id = %s AND revoked IS NULL
        RETURNING id, authorization_id, expires <= %s
        """,
        [_time(now), _time(now), token_hash, client_id, _time(now)],
    )
    return None if row is None else UsedRefreshToken(row[0], row[1], bool(row[2]))


def use_assertion(client_id: int, jti_hash: str, expires_at: datetime) -> bool:
    """Note that a client assertion was used; return False if it was before.

    Hand-written for ON CONFLICT: of many at once exactly one succeeds, in one statement.
    """
    inserted = changed(
        """
        INSERT INTO idp_usedassertion (client_id, jti_hash, expires_at) VALUES (%s, %s, %s)
        ON CONFLICT DO NOTHING
        """,
        [client_id, jti_hash, _time(expires_at)],
    )
    return inserted == 1


_AUTHORIZATION = Columns(Authorization, "a")
_PERSON = Columns(User, "u", "id", "sub", "is_active")
_SESSION = Columns(
    Session, "s", "id", "ended_at", "last_seen_at", "authenticated_at", "until_closed"
)
_CLIENT_SESSION = Columns(ClientSession, "x")
_FAMILY = f"""
    SELECT {_AUTHORIZATION.sql}, {_PERSON.sql}, {_SESSION.sql}, {_CLIENT_SESSION.sql}
    FROM idp_authorization a
    JOIN accounts_user u ON u.id = a.user_id
    LEFT JOIN accounts_session s ON s.id = a.session_id
    LEFT JOIN idp_clientsession x ON x.id = a.client_session_id
    WHERE a.id = %s
"""


def find_authorization(authorization_id: int) -> Authorization:
    """Return an authorization with its person, session and client's part in it.

    Hand-written because every code and refresh token comes by here. Of the person and the session
    it has what is judged and what ID tokens carry.
    """
    row = one(_FAMILY, [authorization_id])
    authorization, user, session, client_session = instances(
        row, _AUTHORIZATION, _PERSON, _SESSION, _CLIENT_SESSION
    )
    authorization.user, authorization.session = user, session
    authorization.client_session = client_session
    return authorization  # type: ignore[no-any-return]


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


def insert_access_token(token: NewAccessToken, now: datetime) -> bool:
    """Store an access token, unless its client is no longer as the caller knows it, or disabled.

    Hand-written so that the test is part of the insertion: whoever went by a remembered client
    learns here that it has changed. Returns whether the token was stored.
    """
    inserted = changed(
        """
        INSERT INTO idp_accesstoken (
            token_checksum, authorization_id, user_id, scope, expires, created, updated,
            resource, signed_with, application_id, token
        )
        SELECT %s, %s, %s, %s, %s, %s, %s, %s, %s, id, ''
        FROM idp_client WHERE id = %s AND version = %s AND enabled
        """,
        [
            token.token_hash,
            token.authorization_id,
            token.user_id,
            token.scope,
            _time(token.expires),
            _time(now),
            _time(now),
            json.dumps(token.resource),
            token.signed_with,
            token.client_id,
            token.client_version,
        ],
    )
    return inserted == 1


@dataclass(frozen=True)
class Standing:
    """What a person and a client are to each other, and whether the client is as it was."""

    client_version: int
    client_enabled: bool
    consented: frozenset[str]
    claims_consented: frozenset[str]
    client_session_id: int | None


def find_standing(client_id: int, user_id: int, session_id: str, now: datetime) -> Standing | None:
    """Return consent, client session and the client's present version; None if it is gone.

    Hand-written because authorize asks all three of everyone who comes by single sign-on.
    """
    row = one(
        """
        SELECT c.version, c.enabled, k.scopes, k.claims, x.id
        FROM idp_client c
        LEFT JOIN idp_consent k ON k.client_id = c.id AND k.user_id = %s
             AND (k.expires_at IS NULL OR k.expires_at > %s)
        LEFT JOIN idp_clientsession x ON x.client_id = c.id AND x.session_id = %s
             AND x.ended_at IS NULL
        WHERE c.id = %s
        """,
        [user_id, _time(now), session_id, client_id],
    )
    if row is None:
        return None
    return Standing(
        row[0],
        bool(row[1]),
        frozenset(_json(row[2]) or ()),
        frozenset(_json(row[3]) or ()),
        row[4],
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
    row = one(_BEARER, [_time(now), token_hash])
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


def _time(moment: datetime) -> Any:
    return connection.ops.adapt_datetimefield_value(moment)


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
