"""Read the SSO session of authorize, with the client's version and the user's consent."""

from dataclasses import dataclass
from datetime import datetime

from accounts.models import Session
from accounts.sessions import SESSION, USER, session_in
from foundation.statements import json_of, one
from idp.statements.bearers import ClientVersion


@dataclass(frozen=True)
class Agreed:
    """A user's consent for a client."""

    scopes: frozenset[str] = frozenset()
    #: Claims beyond what the scopes show (OIDC Core §5.5).
    claims: frozenset[str] = frozenset()
    #: The APIs that its tokens may be for (RFC 8707).
    resources: frozenset[str] = frozenset()
    #: The ports of their device at which it may be answered (RFC 8252 §8.6).
    loopback_ports: frozenset[int] = frozenset()
    #: The authorization details, as texts that are compared (RFC 9396).
    authorization_details: frozenset[str] = frozenset()


@dataclass(frozen=True)
class SsoSession:
    """A session with its user, their consent for a client, and the client's row in it."""

    session: Session
    #: None where no client has the client_id.
    client: ClientVersion | None
    agreed: Agreed
    client_session_id: int | None


STATEMENT = f"""
    SELECT {SESSION.sql}, {USER.sql}, c.id, c.version, c.enabled,
           k.scopes, k.claims, k.resources, k.loopback_ports, k.authorization_details,
           x.id
    FROM accounts_session s
    JOIN accounts_user u ON u.id = s.user_id
    LEFT JOIN idp_client c ON c.client_id = %s
    LEFT JOIN idp_consent k ON k.client_id = c.id AND k.user_id = u.id
         AND (k.expires_at IS NULL OR k.expires_at > %s)
         AND k.display_fingerprint = c.display_fingerprint
    LEFT JOIN idp_clientsession x ON x.client_id = c.id AND x.session_id = s.id
         AND x.ended_at IS NULL
    WHERE s.id = %s
"""


def find_sso_session(session_id: str, client_id: str, now: datetime) -> SsoSession | None:
    """Return a session with its user, the client's version, and their consent and client session.

    Returns None if there is no such session. Hand-written because authorize needs it at every
    single sign-on.
    """
    row = one(STATEMENT, [client_id, now, session_id])
    if row is None:
        return None
    client_pk, version, enabled, *agreed, client_session_id = row[-9:]
    return SsoSession(
        session_in(row),
        ClientVersion(client_id, client_pk, version, bool(enabled)) if client_pk else None,
        Agreed(*(frozenset(json_of(allowed) or ()) for allowed in agreed)),
        client_session_id,
    )
