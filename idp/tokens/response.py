"""The token response: the one place where tokens are issued. RFC 6749 §5.1, OIDC Core §3.1.3.3."""

from datetime import datetime
from typing import Any

from idp import policy
from idp.tokens import access_token, id_token
from idp.tokens.authorization import Entitlement


def issue(entitlement: Entitlement, now: datetime) -> dict[str, Any]:
    """Issue what the entitlement gives and return the members of the response.

    Call it inside the transaction that used up the grant, so that both hold or neither.
    """
    token = access_token.issue(entitlement, now)
    response: dict[str, Any] = {
        "access_token": token,
        "token_type": "Bearer",
        "expires_in": int(policy.ACCESS_TOKEN_LIFETIME.total_seconds()),
    }
    if entitlement.scopes:
        response["scope"] = " ".join(sorted(entitlement.scopes))
    if entitlement.authorization is not None and "openid" in entitlement.scopes:
        response["id_token"] = id_token.issue(
            entitlement.client, entitlement.authorization, token, now
        )
    return response
