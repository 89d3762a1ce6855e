"""What the use of an access token is judged by."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from accounts.sessions import SessionTimes, is_over
from foundation.statements import one
from idp.protocol.vocabulary import SCOPE_CLAIMS
from idp.statements.values import datetime_of, json_of, uuid_text


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

STATEMENT = f"""
    SELECT c.client_id, t.scope, t.resource, t.created, t.expires, t.expires <= %s,
           a.revoked_at IS NOT NULL, a.id IS NOT NULL AND NOT a.offline,
           c.enabled, u.is_active, a.auth_time, a.acr, a.amr,
           COALESCE(e.verified, FALSE), c.version, c.required_acr, a.claims, u.id,
           CASE WHEN c.subject_type = 'pairwise' THEN p.sub ELSE u.sub END,
           {", ".join(f"u.{column}" for column in _USER_COLUMNS)},
           c.userinfo_signed_response_alg <> '' OR c.userinfo_encrypted_response_alg <> '',
           {", ".join(f"s.{column}" for column in SessionTimes._fields)}
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
    row = one(STATEMENT, [now, token_hash])
    if row is None:
        return None
    *rest, is_jwt = row[19:-4]
    user = dict(zip(_USER_COLUMNS, rest, strict=True))
    user["sub"] = row[18]
    nobody = row[9] is None
    return Bearer(
        client_id=row[0],
        client_version=row[14],
        required_acr=row[15],
        scope=row[1],
        resource=tuple(json_of(row[2])),
        issued_at=datetime_of(row[3]),
        expires=datetime_of(row[4]),
        expired=bool(row[5]),
        revoked=bool(row[6]),
        session_ended=bool(row[7]) and _is_over(row[-4:], now),
        client_enabled=bool(row[8]),
        user_active=None if nobody else bool(row[9]),
        auth_time=None if row[10] is None else datetime_of(row[10]),
        acr=row[11],
        amr=tuple(json_of(row[12]) or ()),
        claims_asked=tuple((json_of(row[16]) or {}).get("userinfo", ())),
        user=(
            {} if nobody else {"id": row[17], **_readable(user), "email_verified": bool(row[13])}
        ),
        userinfo_is_jwt=bool(is_jwt),
    )


def _is_over(times: Sequence[Any], now: datetime) -> bool:
    """Whether the session with these columns is over, or is not there."""
    ended_at, last_seen_at, authenticated_at, until_closed = times
    if ended_at is not None or last_seen_at is None:
        return True
    seen, authenticated = datetime_of(last_seen_at), datetime_of(authenticated_at)
    return is_over(SessionTimes(None, seen, authenticated, bool(until_closed)), now)


def _readable(user: dict[str, Any]) -> dict[str, Any]:
    """Give columns the types that the model would: SQLite has text where PostgreSQL has types."""
    return {
        **user,
        "sub": uuid_text(user["sub"]) if user["sub"] else "",
        "address": json_of(user["address"]),
        "updated_at": datetime_of(user["updated_at"]),
        "phone_number_verified": bool(user["phone_number_verified"]),
    }
