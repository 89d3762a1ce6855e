"""ID-JAGs: what a connected application takes instead of a sign-in.

OAuth Identity Assertion Authorization Grant §3, §4.3. They are signed, returned and not stored.
"""

import secrets
from datetime import datetime
from typing import Any

from idp import keys, policy
from idp.models import Grant
from idp.models.connection import Connection
from idp.protocol.vocabulary import TokenType
from idp.statements.bearers import values_of
from idp.subjects import subject_of
from idp.tokens.entitlement import Entitlement

#: The `typ` of its header: it passes for no other JWT of ours (RFC 8725 §3.11).
TYP = "oauth-id-jag+jwt"


def issue(entitlement: Entitlement, connection: Connection, now: datetime) -> dict[str, Any]:
    """Return the response with an ID-JAG for a connected application.

    Its form is that of any token response, and `N_A` says that the access_token is none.
    """
    grant = entitlement.grant
    if grant is None:
        raise TypeError("An ID-JAG is about a user.")
    scope = " ".join(sorted(entitlement.scopes))
    claims = {
        "iss": policy.ISSUER,
        "sub": subject_of(entitlement.client, grant.user),
        "aud": connection.audience,
        "client_id": connection.client_id,
        "jti": secrets.token_urlsafe(16),
        "iat": int(now.timestamp()),
        "exp": int(now.timestamp()) + entitlement.lifetime,
        **_of_the_user(connection, grant),
    }
    if scope:
        claims["scope"] = scope
    if entitlement.resource:
        one, *others = entitlement.resource
        claims["resource"] = list(entitlement.resource) if others else one
    return {
        "issued_token_type": TokenType.ID_JAG,
        "access_token": keys.active_signer(policy.SIGNING_ALGORITHMS[0]).sign(claims, typ=TYP),
        "token_type": "N_A",
        "expires_in": entitlement.lifetime,
        **({"scope": scope} if scope else {}),
    }


def _of_the_user(connection: Connection, grant: Grant) -> dict[str, Any]:
    """Return how the user signed in, and the email address where the operator says so."""
    claims: dict[str, Any] = {"auth_time": int(grant.auth_time.timestamp()), "acr": grant.acr}
    if grant.amr:
        claims["amr"] = grant.amr
    if connection.has_email:
        values = values_of(grant.user_id)
        claims |= {name: values[name] for name in ("email", "email_verified")}
    return claims
