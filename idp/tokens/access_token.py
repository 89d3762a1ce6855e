"""Access tokens: opaque or JWT, both known here by their hash and revocable. RFC 6750, RFC 9068."""

import json
import secrets
from datetime import datetime, timedelta
from typing import Any

from idp import keys, policy, server_keys
from idp.jose.encrypt import encrypted
from idp.jose.sign import Signer
from idp.models import Client, Grant, ResourceServer
from idp.statements.tokens import NewAccessToken, hash_of
from idp.subjects import subject_of
from idp.tokens.audience import Audience

ENCRYPTION_PURPOSE = "resource server encryption"


def make(
    client: Client, grant: Grant | None, audience: Audience, now: datetime
) -> tuple[str, NewAccessToken]:
    """Return a new access token, and what is to be stored of it.

    `authorization` is None for one that a client gets for itself.
    """
    token = secrets.token_urlsafe(32)
    # A pairwise one is made now, so that introspection and UserInfo find it.
    subject = client.client_id if grant is None else subject_of(client, grant.user)
    signer = keys.active_signer(audience.signing_alg) if audience.signing_alg else None
    if signer is not None:
        token = _jwt(client, grant, audience, signer, subject, jti=token, now=now)
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
) -> str:
    """Return a JWT access token: signed, and encrypted where its API wants that. RFC 9068 §2.2."""
    issued_at = int(now.timestamp())
    claims: dict[str, Any] = {
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
    if grant is not None:
        claims["auth_time"] = int(grant.auth_time.timestamp())
        claims["acr"] = grant.acr
        if grant.amr:
            claims["amr"] = grant.amr
    token = signer.sign(claims, typ="at+jwt")
    return _encrypted(token, audience.encrypted_to) if audience.encrypted_to else token


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
        typ="at+jwt",
    )
