"""The token response: the one place where tokens are issued. RFC 6749 §5.1, OIDC Core §3.1.3.3."""

from collections.abc import Container
from datetime import datetime
from typing import Any

from idp.clients.lookup import StaleClientError
from idp.models import Authorization
from idp.protocol.response_types import ID_TOKEN, TOKEN
from idp.statements.tokens import store_tokens
from idp.tokens import access_token, id_token, refresh_token
from idp.tokens.audience import audience_of
from idp.tokens.authorization import Entitlement


def issue(entitlement: Entitlement, now: datetime) -> dict[str, Any]:
    """Issue what the entitlement gives, use up what it was given for, and return the response.

    Both hold, or neither. Raises StaleClientError where that was used meanwhile, or the client has
    changed since it was looked up.
    """
    audience = audience_of(entitlement)
    authorization, ahead = entitlement.authorization, entitlement.ahead
    if ahead is None:
        token, access = access_token.make(entitlement, audience, now)
        renewing, refresh = refresh_token.make(entitlement, now)
    else:
        token = ahead.access_token
        renewing = ahead.refresh_token if refresh_token.is_given_for(entitlement) else None
    response: dict[str, Any] = {
        "access_token": token,
        "token_type": "Bearer",
        "expires_in": audience.lifetime,
    }
    if audience.scopes:
        response["scope"] = " ".join(sorted(audience.scopes))
    if renewing is not None:
        response["refresh_token"] = renewing
    if authorization is not None and "openid" in entitlement.scopes:
        response["id_token"] = id_token.issue(
            entitlement.client,
            authorization,
            token,
            now,
            refreshed=entitlement.refreshed is not None,
        )
    if ahead is None and not store_tokens(access, refresh, entitlement.spent, now):
        raise StaleClientError
    return response


def issue_in_front(
    entitlement: Entitlement,
    authorization: Authorization,
    wanted: Container[str],
    code: str | None,
    now: datetime,
) -> dict[str, str]:
    """Issue what comes straight from the authorization endpoint: never a refresh token.

    `wanted` has the parts of the response type. Call it inside the transaction that makes the
    authorization. OIDC Core §3.2.2.5, §3.3.2.5; RFC 6749 §4.2.2.
    """
    members: dict[str, str] = {}
    token = None
    if TOKEN in wanted:
        audience = audience_of(entitlement)
        token, access = access_token.make(entitlement, audience, now)
        if not store_tokens(access, None, None, now):
            raise StaleClientError
        members |= {
            "access_token": token,
            "token_type": "Bearer",
            "expires_in": str(audience.lifetime),
            "scope": " ".join(sorted(audience.scopes)),
        }
    if ID_TOKEN in wanted:
        # Without any access token, now or for a code, there is no UserInfo (OIDC Core §5.4).
        alone = token is None and code is None
        members["id_token"] = id_token.issue(
            entitlement.client,
            authorization,
            token,
            now,
            code=code,
            with_scopes=alone,
        )
    return members
