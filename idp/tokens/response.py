"""The token response: the one place where tokens are issued. RFC 6749 §5.1, OIDC Core §3.1.3.3."""

from datetime import datetime
from typing import Any

from idp.tokens import access_token, id_token, refresh_token
from idp.tokens.audience import audience_of
from idp.tokens.authorization import Entitlement


def issue(entitlement: Entitlement, now: datetime) -> dict[str, Any]:
    """Issue what the entitlement gives and return the members of the response.

    Call it inside the transaction that used up the grant, so that both hold or neither.
    """
    audience = audience_of(entitlement)
    token = access_token.issue(entitlement, audience, now)
    response: dict[str, Any] = {
        "access_token": token,
        "token_type": "Bearer",
        "expires_in": audience.lifetime,
    }
    if audience.scopes:
        response["scope"] = " ".join(sorted(audience.scopes))
    authorization = entitlement.authorization
    if authorization is not None:
        if refresh_token.is_given_for(entitlement):
            response["refresh_token"] = refresh_token.issue(entitlement, authorization, now)
        if "openid" in entitlement.scopes:
            response["id_token"] = id_token.issue(
                entitlement.client,
                authorization,
                token,
                now,
                refreshed=entitlement.refreshed is not None,
            )
    return response
