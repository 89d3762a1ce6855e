"""Access tokens with all that their use is judged by, and the users' values for claims.

Each is read in one statement.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from accounts import profile_pictures
from foundation.statements import datetime_of, json_of, one
from foundation.validity import GrantFacts, SessionFacts, TokenFacts
from idp.protocol.errors import InvalidGrant
from idp.protocol.rules import upholds
from idp.protocol.vocabulary import SCOPE_CLAIMS


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
    #: Who acts for the user with it, and the client that may (RFC 8693 §4.1, §4.4).
    act: dict[str, Any] | None
    may_act: str
    #: What it is bound to (`idp.possession`); None for a bearer token.
    cnf: dict[str, str] | None
    #: The authorization details that it has (RFC 9396 §9.2).
    authorization_details: tuple[dict[str, Any], ...]


#: The columns of a user that claims come from: those with the claims' names, and two others.
USER_COLUMNS = (
    *(name for names in SCOPE_CLAIMS.values() for name in names if name != "email_verified"),
    *("uploaded_picture", "attributes"),
)

FIND_BEARER = f"""
    SELECT c.client_id, c.id, c.version, c.required_acr, t.scope, t.resource, t.created, t.expires,
           c.enabled,
           c.userinfo_signed_response_alg <> '' OR c.userinfo_encrypted_response_alg <> '',
           COALESCE(g.enabled, TRUE), t.act, c.may_act, t.cnf, t.authorization_details,
           a.revoked_at, a.offline, {", ".join(f"s.{column}" for column in SessionFacts._fields)},
           a.auth_time, a.acr, a.amr, a.claims, u.is_active, t.grant_id, u.id,
           COALESCE(e.verified, FALSE),
           CASE WHEN c.subject_type = 'pairwise' THEN p.sub ELSE u.sub END,
           {", ".join(f"u.{column}" for column in USER_COLUMNS)}
    FROM idp_accesstoken t
    JOIN idp_client c ON c.id = t.application_id
    LEFT JOIN idp_grant a ON a.id = t.grant_id
    LEFT JOIN idp_client g ON g.id = a.client_id AND a.client_id <> t.application_id
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
    # The grant is of another client where the token was exchanged.
    is_granted, act, may_act, cnf, details, *rest = rest
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
            bool(enabled and is_granted),
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
        act=json_of(act),
        may_act=may_act,
        cnf=json_of(cnf),
        authorization_details=tuple(json_of(details) or ()),
    )


def _session(
    ended_at: Any, last_seen_at: Any, authenticated_at: Any, until_closed: Any
) -> SessionFacts | None:
    """Return the session with these columns; None if there is none."""
    if last_seen_at is None:
        return None
    seen, authenticated = datetime_of(last_seen_at), datetime_of(authenticated_at)
    return SessionFacts(ended_at, seen, authenticated, bool(until_closed))


#: Hand-written because every ID token with claims of scopes sends it.
_VALUES = f"""
    SELECT u.sub, COALESCE(e.verified, FALSE), {", ".join(f"u.{name}" for name in USER_COLUMNS)}
    FROM accounts_user u
    LEFT JOIN account_emailaddress e ON e.user_id = u.id AND e.email = u.email
    WHERE u.id = %s
"""


@upholds("RFC 6749 §5.2")
def values_of(user_id: int) -> dict[str, Any]:
    """Return the values of a user for `claims.claims_for`.

    RFC 6749 §5.2: raises InvalidGrant if the user was deleted at this moment.
    """
    row = one(_VALUES, [user_id])
    if row is None:
        raise InvalidGrant("The user was deleted meanwhile.")
    sub, email_verified, *columns = row
    return user_values(user_id, sub, columns, email_verified=bool(email_verified))


def user_values(
    user_id: int, sub: str | None, columns: list[Any], *, email_verified: bool
) -> dict[str, Any]:
    """Return a user's values for `claims_for`, with the types of the model.

    SQLite has text where PostgreSQL has types.
    """
    user = dict(zip(USER_COLUMNS, columns, strict=True))
    uploaded = user["uploaded_picture"]
    return {
        **user,
        "id": user_id,
        "sub": sub or "",
        "email_verified": email_verified,
        "address": json_of(user["address"]),
        "attributes": json_of(user["attributes"]),
        "picture": user["picture"] or (uploaded and profile_pictures.address_of(uploaded)),
        "updated_at": datetime_of(user["updated_at"]),
        "phone_number_verified": bool(user["phone_number_verified"]),
    }
