"""What the use of an access token is judged by."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from accounts.session_limits import SessionFacts
from foundation.statements import one
from idp.protocol.vocabulary import SCOPE_CLAIMS
from idp.statements.values import datetime_of, json_of
from idp.validity import GrantFacts, TokenFacts


@dataclass(frozen=True)
class Bearer:
    """An access token with all that its use is judged by, and the claims of its user."""

    client_id: str
    required_acr: str
    scope: str
    resource: tuple[str, ...]
    issued_at: datetime
    expires: datetime
    facts: TokenFacts
    auth_time: datetime | None
    acr: str | None
    amr: tuple[str, ...]
    #: The claims that the authorization request asked for at UserInfo (OIDC Core §5.5).
    claims_asked: tuple[str, ...]
    user: dict[str, Any]
    #: Whether the client wants UserInfo signed or encrypted.
    userinfo_is_jwt: bool


#: The columns of a user that claims come from, by the claims' names.
_USER_COLUMNS = tuple(
    name for names in SCOPE_CLAIMS.values() for name in names if name != "email_verified"
)

STATEMENT = f"""
    SELECT c.client_id, c.required_acr, t.scope, t.resource, t.created, t.expires, c.enabled,
           c.userinfo_signed_response_alg <> '' OR c.userinfo_encrypted_response_alg <> '',
           a.revoked_at, a.offline, {", ".join(f"s.{column}" for column in SessionFacts._fields)},
           a.auth_time, a.acr, a.amr, a.claims, u.is_active, u.id, COALESCE(e.verified, FALSE),
           CASE WHEN c.subject_type = 'pairwise' THEN p.sub ELSE u.sub END,
           {", ".join(f"u.{column}" for column in _USER_COLUMNS)}
    FROM idp_accesstoken t
    JOIN idp_client c ON c.id = t.application_id
    LEFT JOIN idp_grant a ON a.id = t.grant_id
    LEFT JOIN accounts_session s ON s.id = a.session_id
    LEFT JOIN accounts_user u ON u.id = a.user_id
    LEFT JOIN account_emailaddress e ON e.user_id = u.id AND e.email = u.email
    LEFT JOIN idp_pairwisesubject p ON c.subject_type = 'pairwise'
         AND p.user_id = u.id AND p.sector = c.sector
    WHERE t.token_checksum = %s
"""


def find_bearer(token_hash: str) -> Bearer | None:
    """Return the access token with this hash, or None.

    Hand-written because UserInfo is one SELECT over seven tables; as model instances they would
    cost three times the whole request.
    """
    row = one(STATEMENT, [token_hash])
    if row is None:
        return None
    client_id, required_acr, scope, resource, issued_at, expires, enabled, is_jwt, *rest = row
    revoked_at, offline, *session, auth_time, acr, amr, claims = rest[:10]
    is_active, user_id, email_verified, sub, *columns = rest[10:]
    is_for_user = user_id is not None
    expires = datetime_of(expires)
    grant = GrantFacts(revoked_at, bool(offline), _session(*session), bool(is_active))
    return Bearer(
        client_id=client_id,
        required_acr=required_acr,
        scope=scope,
        resource=tuple(json_of(resource)),
        issued_at=datetime_of(issued_at),
        expires=expires,
        facts=TokenFacts(
            expires,
            bool(enabled),
            grant if is_for_user else None,
            has_subject=not is_for_user or bool(sub),
        ),
        auth_time=datetime_of(auth_time) if is_for_user else None,
        acr=acr,
        amr=tuple(json_of(amr) or ()),
        claims_asked=tuple((json_of(claims) or {}).get("userinfo", ())),
        user=_user(user_id, sub, columns, email_verified=bool(email_verified))
        if is_for_user
        else {},
        userinfo_is_jwt=bool(is_jwt),
    )


def _session(
    ended_at: Any, last_seen_at: Any, authenticated_at: Any, until_closed: Any
) -> SessionFacts | None:
    """Return the session with these columns; None if there is none."""
    if last_seen_at is None:
        return None
    seen, authenticated = datetime_of(last_seen_at), datetime_of(authenticated_at)
    return SessionFacts(ended_at, seen, authenticated, bool(until_closed))


def _user(user_id: int, sub: Any, columns: list[Any], *, email_verified: bool) -> dict[str, Any]:
    """Return a user as `claims_for` takes one, with the types that the model has.

    SQLite has text where PostgreSQL has types.
    """
    user = dict(zip(_USER_COLUMNS, columns, strict=True))
    return {
        **user,
        "id": user_id,
        "sub": str(UUID(str(sub))) if sub else "",
        "email_verified": email_verified,
        "address": json_of(user["address"]),
        "updated_at": datetime_of(user["updated_at"]),
        "phone_number_verified": bool(user["phone_number_verified"]),
    }
