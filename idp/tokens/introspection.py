"""What a token is, for those who may know. RFC 7662 §2.2."""

from datetime import datetime
from typing import Any

from django.db.models import Exists, FilteredRelation, OuterRef, Q

from accounts.models import User
from accounts.sessions import SessionTimes, is_over
from idp import policy
from idp.clients.lookup import StaleClientError
from idp.models import Client, ResourceServer
from idp.statements.bearer import Bearer, find_bearer
from idp.subjects import subject_of
from idp.tokens import opaque

INACTIVE: dict[str, Any] = {"active": False}
_REFRESH_TOKEN = (
    "token__created",
    "token__expires",
    "token__revoked",
    "token__user",
    "token__user__sub",
    "token__user__is_active",
    "token__authorization__scope",
    "token__authorization__offline",
    "token__authorization__revoked_at",
    "token__authorization__session",
    *(f"token__authorization__session__{name}" for name in SessionTimes._fields),
)


def introspected(caller: Client, token: str, now: datetime) -> dict[str, Any]:
    """Return the members of the answer: INACTIVE for what is not good, unknown or not theirs.

    Theirs is: a token of the caller's own, or one for an API that an operator appointed the caller
    to ask for. Raises StaleClientError if the caller has changed since it was looked up, whatever
    the answer would be.
    """
    token_hash = opaque.hash_of(token)
    bearer = find_bearer(token_hash, now)
    if bearer is None:
        return _refresh_token(caller, token_hash, now)
    if not _may_know(caller, bearer) or bearer.problem is not None:
        return INACTIVE
    return _access_token(bearer)


def _may_know(caller: Client, bearer: Bearer) -> bool:
    """Whether the token is the caller's own or its API's. Raises StaleClientError if it changed."""
    if bearer.client_id == caller.client_id:
        if bearer.client_version != caller.version:
            raise StaleClientError
        return True
    apis = ResourceServer.objects.filter(
        identifier__in=bearer.resource, introspection_clients=OuterRef("pk")
    )
    row = Client.objects.filter(pk=caller.pk).values_list("version", "enabled", Exists(apis))
    version, enabled, appointed = row.first() or (0, False, False)
    if version != caller.version or not enabled:
        raise StaleClientError
    return bool(appointed)


def _access_token(bearer: Bearer) -> dict[str, Any]:
    audience = list(bearer.resource) or [policy.ISSUER]
    members: dict[str, Any] = {
        "active": True,
        "iss": policy.ISSUER,
        "client_id": bearer.client_id,
        "sub": bearer.user.get("sub", bearer.client_id),
        "aud": audience[0] if len(audience) == 1 else audience,
        "token_type": "Bearer",
        "iat": int(bearer.issued_at.timestamp()),
        "exp": int(bearer.expires.timestamp()),
    }
    if bearer.scope:
        members["scope"] = bearer.scope
    if bearer.auth_time is not None:
        members["auth_time"] = int(bearer.auth_time.timestamp())
        members["acr"] = bearer.acr
        members["amr"] = list(bearer.amr)
    return members


def _refresh_token(caller: Client, token_hash: str, now: datetime) -> dict[str, Any]:
    """A refresh token is known to its own client alone: no API ever sees one.

    Asked of the client's row, so that one statement finds the token and tests the client.
    """
    row = (
        Client.objects.filter(pk=caller.pk, version=caller.version, enabled=True)
        .annotate(
            token=FilteredRelation(
                "refreshtoken", condition=Q(refreshtoken__token_checksum=token_hash)
            )
        )
        .values(*_REFRESH_TOKEN)
        .first()
    )
    if row is None:
        raise StaleClientError
    created, expires, used_at, user, sub, active, scope, offline, revoked_at, session, *times = (
        row[name] for name in _REFRESH_TOKEN
    )
    if created is None or used_at or revoked_at or expires <= now or not active:
        return INACTIVE
    if not offline and (session is None or is_over(SessionTimes(*times), now)):
        return INACTIVE
    return {
        "active": True,
        "iss": policy.ISSUER,
        "client_id": caller.client_id,
        "sub": subject_of(caller, User(pk=user, sub=sub)),
        "scope": scope,
        "iat": int(created.timestamp()),
        "exp": int(expires.timestamp()),
    }
