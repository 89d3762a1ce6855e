"""Refresh tokens: opaque, and rotated at each use by nearly all clients. RFC 6749 §1.5.

RFC 9700 §4.14; those of the profile fapi2 stay (FAPI 2.0 Security Profile §5.3.2.1).
"""

import json
import secrets
from datetime import datetime, timedelta

from accounts.models import User
from foundation import server_keys
from foundation.statements import hash_of
from foundation.validity import GrantFacts, TokenFacts, why_invalid
from idp import policy
from idp.jose.signatures import base64url
from idp.models import Client, Grant, RefreshToken
from idp.statements.tokens import NewRefreshToken
from idp.tokens.entitlement import Entitlement

_SUCCESSOR = "refresh token's successor"
#: The end of every refresh token: a dot and an empty JSON object in base64url. keycloak-js decodes
#: what follows the first dot, and signs no user in without it (docs/adr/0031).
_EMPTY_OBJECT = ".e30"


def make(
    entitlement: Entitlement,
    grant: Grant,
    now: datetime,
    cnf: dict[str, str] | None = None,
) -> tuple[str, NewRefreshToken]:
    """Return the grant's next refresh token, and its row to store.

    `cnf` is what its access token is bound to.
    """
    client = entitlement.client
    # A client that authenticates itself is bound by that already (RFC 9449 §5, RFC 8705 §7.1).
    cnf = cnf if client.is_public else None
    token = entitlement.next_refresh_token or secrets.token_urlsafe(32) + _EMPTY_OBJECT
    return token, NewRefreshToken(
        token_hash=hash_of(token),
        client_id=client.pk,
        grant_id=grant.pk,
        user_id=grant.user_id,
        expires=expiry_of(client, grant, now),
        created=now,
        updated=now,
        resource=json.dumps(grant.resource),
        predecessor_id=entitlement.predecessor_id,
        cnf=json.dumps(cnf) if cnf else None,
    )


def expiry_of(client: Client, grant: Grant, now: datetime) -> datetime:
    """Return when a refresh token expires that is given or used now.

    It is valid as long as its client's tokens may be unused, and not beyond the grant's absolute
    lifetime.
    """
    idle, absolute = client.refresh_token_idle_lifetime, client.refresh_token_absolute_lifetime
    unused_for = timedelta(seconds=idle) if idle else policy.REFRESH_TOKEN_IDLE_LIFETIME
    at_most = timedelta(seconds=absolute) if absolute else policy.REFRESH_TOKEN_ABSOLUTE_LIFETIME
    return min(now + unused_for, grant.created_at + at_most)


def successors_of(token: str) -> tuple[str, ...]:
    """Return the values that we alone can derive from a token, under each server key, newest first.

    So the successor of a token can be returned again, although only its hash is stored.
    """
    digests = server_keys.keyed_hashes(token, _SUCCESSOR)
    return tuple(base64url(bytes.fromhex(digest)) + _EMPTY_OBJECT for digest in digests)


def clients_with_offline_access(user: User, now: datetime) -> set[int]:
    """Return the ids of the clients with offline access for a user who is signed out.

    OIDC Core §11: with offline_access, until it is revoked or has expired.
    """
    rows = RefreshToken.objects.filter(
        user=user, revoked=None, expires__gt=now, grant__offline=True
    ).values_list("application_id", "expires", "application__enabled", "grant__revoked_at")
    found = set()
    for client_id, expires, is_enabled, revoked_at in rows:
        grant = GrantFacts(revoked_at, offline=True, session=None, user_is_active=user.is_active)
        if why_invalid(TokenFacts(expires, is_enabled, grant), now) is None:
            found.add(client_id)
    return found
