"""Access tokens: audience, format and lifetime. RFC 6750, RFC 8707, RFC 9068.

Opaque ones and JWTs are both stored by their hash and revocable.
"""

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from foundation import server_keys
from foundation.statements import hash_of
from idp import keys, policy
from idp.claims import access_token_claims
from idp.clients import fapi2
from idp.jose.encrypt import encrypted
from idp.jose.signatures import Signer
from idp.models import Client, Grant, ResourceServer
from idp.protocol.errors import InvalidScope, InvalidTarget
from idp.protocol.rules import upholds
from idp.statements.tokens import NewAccessToken
from idp.tokens.entitlement import Entitlement

ENCRYPTION_PURPOSE = "resource server encryption"


@dataclass(frozen=True)
class Audience:
    """The form, scopes and life of an access token."""

    resource: tuple[str, ...]
    scopes: frozenset[str]
    lifetime: int
    #: None for an opaque token.
    signing_alg: str | None
    #: The `typ` of a JWT.
    typ: str = policy.ACCESS_TOKEN_TYPES[0]
    #: The names of the claims about the user that a JWT has.
    claims: tuple[str, ...] = ()
    #: The authorization details that the token has (RFC 9396 §9).
    authorization_details: tuple[dict[str, Any], ...] = ()
    #: The API that the token is encrypted to, if it is.
    encrypted_to: ResourceServer | None = None


def audience_of(entitlement: Entitlement, scopes: frozenset[str]) -> Audience:
    """Return the audience and format of the entitlement's access token, for its scopes.

    Raises InvalidTarget and InvalidScope.
    """
    if entitlement.resource or entitlement.asked_resource:
        return _apis(entitlement, scopes)
    client, default = entitlement.client, policy.ACCESS_TOKEN_LIFETIME
    own, is_jwt = client.access_token_lifetime, client.access_token_format == "jwt"
    return Audience(
        resource=(),
        scopes=scopes,
        lifetime=int(default.total_seconds()) if own is None else own,
        signing_alg=algorithm_for(client.id_token_signed_response_alg) if is_jwt else None,
    )


def _apis(entitlement: Entitlement, scopes: frozenset[str]) -> Audience:
    """Return the audience of a token for APIs.

    It has only their scopes, so that an API can't use it elsewhere. Raises InvalidTarget for an API
    that is unknown or was not named before, or several that need different tokens; InvalidScope if
    the token would grant nothing there.
    """
    resource = _resource(entitlement)
    servers = known_apis(entitlement.client, resource)
    _user_has_agreed(entitlement, servers)
    one_token_fits(servers)
    return for_apis(servers, scopes_at(servers, entitlement.client, scopes))


def for_apis(servers: Sequence[ResourceServer], scopes: frozenset[str]) -> Audience:
    """Return the audience of a token with these scopes for APIs that one token fits."""
    first = servers[0]
    return Audience(
        resource=tuple(server.identifier for server in servers),
        scopes=scopes,
        lifetime=min(server.access_token_lifetime for server in servers),
        signing_alg=first.access_token_signing_alg if first.access_token_format == "jwt" else None,
        typ=first.access_token_typ,
        claims=tuple(first.access_token_claims),
        encrypted_to=first if first.access_token_encryption_alg else None,
    )


@upholds("RFC 8707 §2.2")
def _resource(entitlement: Entitlement) -> tuple[str, ...]:
    """Return the APIs that the token request names, of those that the grant did. RFC 8707 §2.2."""
    asked, allowed = tuple(dict.fromkeys(entitlement.asked_resource)), entitlement.resource
    if allowed and not set(asked) <= set(allowed):
        other = min(set(asked) - set(allowed))
        raise InvalidTarget(f"The resource {other} was not part of the authorization request.")
    return asked or allowed


@upholds("RFC 8707 §2")
def known_apis(client: Client, resource: tuple[str, ...]) -> list[ResourceServer]:
    """Return the APIs of these identifiers, or raise InvalidTarget. RFC 8707 §2.

    One without scopes is not for self-registered clients, unless its operator allows it; one with
    weak signatures is not for clients of the profile fapi2.
    """
    servers = {s.identifier: s for s in ResourceServer.objects.filter(identifier__in=resource)}
    unknown = [identifier for identifier in resource if identifier not in servers]
    if unknown:
        raise InvalidTarget(f"The resource {unknown[0]} is not an API that is registered here.")
    if client.is_self_registered:
        for server in servers.values():
            _is_open_to_self_registered(server)
    fapi2.access_tokens_are_well_signed(client, servers.values())
    return [servers[identifier] for identifier in resource]


@upholds("RFC 8707 §2")
def _is_open_to_self_registered(server: ResourceServer) -> None:
    """RFC 8707 §2: the operator decides which clients get tokens for an API."""
    if not server.scopes and not server.open_to_self_registered:
        raise InvalidTarget(
            f"The resource {server.identifier} is not open to clients that registered themselves."
        )


@upholds("RFC 8707 §2.2")
def _user_has_agreed(entitlement: Entitlement, servers: list[ResourceServer]) -> None:
    """RFC 8707 §2.2: a token for an API requires its user's consent.

    The consent is for its scopes; an API without scopes has to be named in the authorization
    request.
    """
    grant = entitlement.grant
    if grant is None or entitlement.client.skip_authorization:
        return
    for server in servers:
        if not server.scopes and server.identifier not in grant.resource:
            raise InvalidTarget(
                f"The resource {server.identifier} was not part of the authorization request, "
                "where an API without scopes has to be named."
            )


@upholds("RFC 8707 §2.2")
def one_token_fits(servers: Sequence[ResourceServer]) -> None:
    """RFC 8707 §2.2: one token for several APIs has to fit each of them.

    None of them reads a claim that is for another.
    """
    wants = {
        (
            server.access_token_format,
            server.access_token_signing_alg,
            server.access_token_typ,
            frozenset(server.access_token_claims),
        )
        for server in servers
    }
    if len(wants) > 1 or (len(servers) > 1 and any(s.access_token_encryption_alg for s in servers)):
        raise InvalidTarget("These resources want different tokens; ask for one at a time.")


@upholds("RFC 9068 §3")
def scopes_at(
    servers: Sequence[ResourceServer], client: Client, scopes: frozenset[str]
) -> frozenset[str]:
    """Return those of a client's scopes that a token for these APIs has. RFC 9068 §3.

    Raises InvalidScope if the APIs have scopes and none would be in the token.
    """
    offered = frozenset(scope for server in servers for scope in server.scopes_for(client))
    if any(server.scopes for server in servers) and not scopes & offered:
        raise InvalidScope(
            "None of the scopes that were asked for can be granted at this resource; "
            f"this client may ask for: {', '.join(sorted(offered)) or 'none'}."
        )
    return scopes & offered


def algorithm_for(id_token_alg: str) -> str:
    """Return the algorithm of a client's JWT access tokens, given that of its ID tokens.

    Access tokens are read by APIs, which do not have the client's secret (RFC 9068 §2.1).
    """
    ours = id_token_alg in policy.SIGNING_ALGORITHMS
    return id_token_alg if ours else policy.SIGNING_ALGORITHMS[0]


def make(
    client: Client,
    grant: Grant | None,
    subject: str,
    audience: Audience,
    now: datetime,
    act: dict[str, Any] | None = None,
    cnf: dict[str, str] | None = None,
) -> tuple[str, NewAccessToken]:
    """Return a new access token, and its row to store.

    `grant` is None for one that a client gets for itself; `subject` is its user or client. `act`
    names who acts for the user (RFC 8693 §4.1). `cnf` is what it is bound to.
    """
    token = secrets.token_urlsafe(32)
    signer = keys.active_signer(audience.signing_alg) if audience.signing_alg else None
    if signer is not None:
        more = {name: value for name, value in (("act", act), ("cnf", cnf)) if value}
        token = _jwt(client, grant, audience, signer, subject, jti=token, now=now, more=more)
    return token, NewAccessToken(
        token_hash=hash_of(token),
        client_id=client.pk,
        grant_id=grant.pk if grant else None,
        user_id=grant.user_id if grant else None,
        scope=" ".join(sorted(audience.scopes)),
        expires=now + timedelta(seconds=audience.lifetime),
        created=now,
        updated=now,
        resource=json.dumps(audience.resource),
        signed_with=signer.kid if signer else None,
        act=json.dumps(act) if act else None,
        cnf=json.dumps(cnf) if cnf else None,
        authorization_details=json.dumps(audience.authorization_details)
        if audience.authorization_details
        else None,
    )


def _jwt(
    client: Client,
    grant: Grant | None,
    audience: Audience,
    signer: Signer,
    subject: str,
    *,
    jti: str,
    now: datetime,
    more: dict[str, Any],
) -> str:
    """Return a JWT access token: signed, and encrypted where its API wants that. RFC 9068 §2.2."""
    issued_at = int(now.timestamp())
    claims: dict[str, Any] = {}
    if grant is not None and audience.claims:
        claims |= access_token_claims(grant.user_id, client.client_id, audience.claims)
    claims |= {
        "iss": policy.ISSUER,
        "aud": _one_or_many(audience.resource) or policy.ISSUER,
        "sub": subject,
        "client_id": client.client_id,
        "iat": issued_at,
        "exp": issued_at + audience.lifetime,
        "jti": jti,
    }
    if audience.scopes:
        claims["scope"] = " ".join(sorted(audience.scopes))
    if audience.authorization_details:
        claims["authorization_details"] = audience.authorization_details
    if grant is not None:
        claims["auth_time"] = int(grant.auth_time.timestamp())
        claims["acr"] = grant.acr
        if grant.amr:
            claims["amr"] = grant.amr
        if client.may_act:
            claims["may_act"] = party(client.may_act)
    claims |= more
    token = signer.sign(claims, typ=audience.typ)
    return _encrypted(token, audience.encrypted_to) if audience.encrypted_to else token


def party(client_id: str, subject: str | None = None) -> dict[str, str]:
    """Return who acts, or may act, as a claim: a client, or its user of this subject. RFC 8693 §4.

    These are the members `sub` and `client_id` of that party's own access token.
    """
    return {"sub": subject or client_id, "client_id": client_id}


def _one_or_many(values: tuple[str, ...]) -> str | list[str]:
    return values[0] if len(values) == 1 else list(values)


def _encrypted(token: str, server: ResourceServer) -> str:
    key: Any = server.encryption_jwk
    if server.access_token_encryption_alg == "dir":
        key = server_keys.unseal(server.encryption_secret_sealed, ENCRYPTION_PURPOSE)
    return encrypted(
        token,
        alg=server.access_token_encryption_alg,
        enc=policy.CONTENT_ENCRYPTION,
        key=key,
        typ=server.access_token_typ,
    )
