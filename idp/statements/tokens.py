"""Tokens, which are stored and found by their hash."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from django.db import connection, transaction

from accounts import profile_pictures
from accounts.session_limits import SessionFacts
from foundation.statements import changed, datetime_of, json_of, one
from idp.protocol.vocabulary import SCOPE_CLAIMS
from idp.validity import GrantFacts, TokenFacts

#: True: PostgreSQL does not wait for the disk at the end of this transaction. For rows that may be
#: lost in a crash, since a client can repeat the request, or that are followed by a commit that
#: waits.
NO_WAIT = "set_config('synchronous_commit', 'off', TRUE) = 'off'"


def hash_of(value: str) -> str:
    """Return the stored hash of a token or code: its SHA-256 in hex.

    256 random bits need no salt.
    """
    return hashlib.sha256(value.encode()).hexdigest()


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


_ACCESS_TOKEN = """
    INSERT INTO idp_accesstoken (
        token_checksum, application_id, grant_id, user_id, scope, expires, created,
        updated, resource, signed_with, token
    )
    SELECT %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, ''
"""
#: The successor of a token may be stored already, where two tabs used that at once (ADR 22).
_REFRESH_TOKEN = """
    INSERT INTO idp_refreshtoken (
        token_checksum, application_id, grant_id, user_id, expires, created, updated,
        resource, predecessor_id, token
    )
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, '')
    ON CONFLICT (token_checksum) DO NOTHING
"""
_BOTH = f"WITH given AS ({_ACCESS_TOKEN}) {_REFRESH_TOKEN}"


def store_access_token(token: NewAccessToken, *, waits: bool) -> None:
    """Store an access token, and wait (or not) until PostgreSQL has it on the disk. ADR 20."""
    leaves = not waits and connection.vendor == "postgresql"
    changed(f"{_ACCESS_TOKEN} WHERE {NO_WAIT}" if leaves else _ACCESS_TOKEN, token)


def store_tokens(access: NewAccessToken, refresh: NewRefreshToken) -> None:
    """Store both tokens or none.

    Hand-written so that on PostgreSQL it is one statement, which needs no transaction around it:
    each statement saved is a tenth of the request's cost. SQLite can't insert within a WITH, and
    has no network round trips.
    """
    if connection.vendor == "postgresql":
        changed(_BOTH, [*access, *refresh])
        return
    with transaction.atomic():
        changed(_ACCESS_TOKEN, access)
        changed(_REFRESH_TOKEN, refresh)


class ClientVersion(NamedTuple):
    """Which version a client's row has."""

    client_id: str
    id: int
    version: int
    enabled: bool


@dataclass(frozen=True)
class Bearer:
    """An access token with all that its use is judged by, and the claims of its user."""

    client: ClientVersion
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


#: The columns of a user that claims come from: those with the claims' names, and two others.
USER_COLUMNS = (
    *(name for names in SCOPE_CLAIMS.values() for name in names if name != "email_verified"),
    *("uploaded_picture", "attributes"),
)

FIND_BEARER = f"""
    SELECT c.client_id, c.id, c.version, c.required_acr, t.scope, t.resource, t.created, t.expires,
           c.enabled,
           c.userinfo_signed_response_alg <> '' OR c.userinfo_encrypted_response_alg <> '',
           a.revoked_at, a.offline, {", ".join(f"s.{column}" for column in SessionFacts._fields)},
           a.auth_time, a.acr, a.amr, a.claims, u.is_active, t.grant_id, u.id,
           COALESCE(e.verified, FALSE),
           CASE WHEN c.subject_type = 'pairwise' THEN p.sub ELSE u.sub END,
           {", ".join(f"u.{column}" for column in USER_COLUMNS)}
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

    Hand-written because UserInfo is one SELECT over seven tables; model instances would cost three
    times the whole request.
    """
    row = one(FIND_BEARER, [token_hash])
    if row is None:
        return None
    client_id, client_pk, version, required_acr, *rest = row
    scope, resource, issued_at, expires, enabled, is_jwt, *rest = rest
    revoked_at, offline, *session, auth_time, acr, amr, claims = rest[:10]
    is_active, grant_id, user_id, email_verified, sub, *columns = rest[10:]
    is_for_user = grant_id is not None
    expires = datetime_of(expires)
    grant = GrantFacts(revoked_at, bool(offline), _session(*session), bool(is_active))
    return Bearer(
        client=ClientVersion(client_id, client_pk, version, bool(enabled)),
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
        auth_time=datetime_of(auth_time) if auth_time else None,
        acr=acr,
        amr=tuple(json_of(amr) or ()),
        claims_asked=tuple((json_of(claims) or {}).get("userinfo", ())),
        user=user_values(user_id, sub, columns, email_verified=bool(email_verified))
        if user_id
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


def user_values(
    user_id: int, sub: Any, columns: list[Any], *, email_verified: bool
) -> dict[str, Any]:
    """Return a user's values for `claims_for`, with the types of the model.

    SQLite has text where PostgreSQL has types.
    """
    user = dict(zip(USER_COLUMNS, columns, strict=True))
    uploaded = user["uploaded_picture"]
    return {
        **user,
        "id": user_id,
        "sub": str(sub if isinstance(sub, UUID) else UUID(sub)) if sub else "",
        "email_verified": email_verified,
        "address": json_of(user["address"]),
        "attributes": json_of(user["attributes"]),
        "picture": user["picture"] or (uploaded and profile_pictures.address_of(uploaded)),
        "updated_at": datetime_of(user["updated_at"]),
        "phone_number_verified": bool(user["phone_number_verified"]),
    }
