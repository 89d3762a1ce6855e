"""Refresh tokens: opaque, rotated at each use. RFC 6749 §1.5, RFC 9700 §4.14."""

from datetime import datetime

from accounts import rows
from accounts.models import User
from idp import policy
from idp.models import Authorization, RefreshToken
from idp.tokens import opaque
from idp.tokens.authorization import Entitlement


def issue(entitlement: Entitlement, authorization: Authorization, now: datetime) -> str:
    """Store a new refresh token of the family and return it.

    It lives REFRESH_TOKEN_IDLE_LIFETIME, and no token outlives the family's absolute lifetime.
    """
    token = opaque.generate()
    rows.insert(
        RefreshToken(
            user_id=authorization.user_id,
            application=entitlement.client,
            authorization=authorization,
            predecessor_id=entitlement.refreshed,
            token="",
            token_checksum=opaque.hash_of(token),
            resource=authorization.resource,
            expires=min(
                now + policy.REFRESH_TOKEN_IDLE_LIFETIME,
                authorization.created_at + policy.REFRESH_TOKEN_ABSOLUTE_LIFETIME,
            ),
        )
    )
    return token


def is_given_for(entitlement: Entitlement) -> bool:
    """Whether the client gets one: with offline_access, or where its policy says so."""
    client, authorization = entitlement.client, entitlement.authorization
    if authorization is None or "refresh_token" not in client.grant_types:
        return False
    return authorization.offline or bool(client.refresh_without_offline_access)


def kept_offline_by(user: User, now: datetime) -> set[int]:
    """Return the keys of the clients that can go on for somebody who is signed out.

    OIDC Core §11: with offline_access, until it is taken back or has expired.
    """
    living = RefreshToken.objects.filter(
        user=user,
        revoked=None,
        expires__gt=now,
        authorization__offline=True,
        authorization__revoked_at=None,
    )
    return set(living.values_list("application_id", flat=True))
