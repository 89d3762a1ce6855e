"""Introspection of a token, for permitted clients. RFC 7662 §2.2."""

from datetime import datetime
from typing import Any

from foundation.validity import facts_of, why_invalid
from idp import policy
from idp.models import Client, RefreshToken, ResourceServer
from idp.possession.presenter import token_type
from idp.protocol.authorization_details import Detail
from idp.protocol.rules import upholds
from idp.statements.bearers import Bearer
from idp.subjects import subject_of
from idp.tokens.access_token import party
from idp.tokens.authorization_details import for_apis

INACTIVE: dict[str, Any] = {"active": False}


def introspected(
    client: Client, bearer: Bearer | None, token_hash: str, now: datetime
) -> dict[str, Any]:
    """Return the members of the response: INACTIVE for an invalid, unknown or foreign token.

    `bearer` is the access token with this hash, if there is one. A client may introspect its own
    tokens, and tokens for APIs that an operator appointed it to introspect for.
    """
    if bearer is None:
        return _refresh_token(client, token_hash, now)
    if not _may_know(client, bearer) or why_invalid(bearer.facts, now):
        return INACTIVE
    return _access_token(bearer, _details_for(client, bearer))


def _may_know(client: Client, bearer: Bearer) -> bool:
    """Whether the token is the client's own, or for an API that it may introspect for."""
    if bearer.client.client_id == client.client_id:
        return True
    apis = ResourceServer.objects.filter(identifier__in=bearer.resource)
    return bool(bearer.resource) and apis.filter(introspection_clients=client).exists()


@upholds("RFC 9396 §9.2")
def _details_for(client: Client, bearer: Bearer) -> list[Detail]:
    """RFC 9396 §9.2: an API sees the details that concern it; the client of a token, all of them.

    An API is known by the clients that introspect for it.
    """
    details = list(bearer.authorization_details)
    if not details or bearer.client.client_id == client.client_id:
        return details
    apis = ResourceServer.objects.filter(
        identifier__in=bearer.resource, introspection_clients=client
    )
    return for_apis(details, tuple(apis.values_list("identifier", flat=True)))


def _access_token(bearer: Bearer, details: list[Detail]) -> dict[str, Any]:
    audience = list(bearer.resource) or [policy.ISSUER]
    members: dict[str, Any] = {
        "active": True,
        "iss": policy.ISSUER,
        "client_id": bearer.client.client_id,
        "sub": bearer.user.get("sub", bearer.client.client_id),
        "aud": audience[0] if len(audience) == 1 else audience,
        "token_type": token_type(bearer.cnf),
        "iat": int(bearer.issued_at.timestamp()),
        "exp": int(bearer.expires.timestamp()),
    }
    if bearer.scope:
        members["scope"] = bearer.scope
    if bearer.auth_time is not None:
        members["auth_time"] = int(bearer.auth_time.timestamp())
        members["acr"] = bearer.acr
        members["amr"] = list(bearer.amr)
        if bearer.may_act:
            members["may_act"] = party(bearer.may_act)
    if bearer.act:
        members["act"] = bearer.act
    if bearer.cnf:
        members["cnf"] = bearer.cnf
    if details:
        members["authorization_details"] = details
    return members


def _refresh_token(client: Client, token_hash: str, now: datetime) -> dict[str, Any]:
    """A refresh token is known to its own client alone: no API ever sees one."""
    token = (
        RefreshToken.objects.filter(token_checksum=token_hash, application=client)
        .select_related("grant__user", "grant__session")
        .first()
    )
    if token is None:
        return INACTIVE
    token.application = client
    if why_invalid(facts_of(token, used_at=token.revoked), now):
        return INACTIVE
    details = token.grant.authorization_details
    return {
        "active": True,
        "iss": policy.ISSUER,
        "client_id": client.client_id,
        "sub": subject_of(client, token.grant.user),
        "scope": token.grant.scope,
        "iat": int(token.created.timestamp()),
        "exp": int(token.expires.timestamp()),
        **({"cnf": token.cnf} if token.cnf else {}),
        **({"authorization_details": details} if details else {}),
    }
