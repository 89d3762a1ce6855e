"""Access tokens: opaque, found by their hash. RFC 6750."""

from datetime import datetime

from idp import policy, statements
from idp.clients.lookup import StaleClientError
from idp.tokens import opaque
from idp.tokens.authorization import Entitlement


def issue(entitlement: Entitlement, now: datetime) -> str:
    """Store a new access token for the entitlement and return it; lives ACCESS_TOKEN_LIFETIME.

    Raises StaleClientError if the client has changed since it was looked up.
    """
    token = opaque.generate()
    authorization = entitlement.authorization
    stored = statements.insert_access_token(
        statements.NewAccessToken(
            token_hash=opaque.hash_of(token),
            client_id=entitlement.client.pk,
            client_version=entitlement.client.version,
            authorization_id=authorization.pk if authorization else None,
            user_id=authorization.user_id if authorization else None,
            scope=" ".join(sorted(entitlement.scopes)),
            expires=now + policy.ACCESS_TOKEN_LIFETIME,
        ),
        now,
    )
    if not stored:
        raise StaleClientError
    return token
