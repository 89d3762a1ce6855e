"""django-oauth-toolkit's database, of its releases from 2.0 on: apps, codes and tokens.

Older releases have fewer columns: before 3.0 tokens have no checksum beside them.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any

from foundation.statements import datetime_of, hash_of, json_of
from idp import policy
from idp.importers.foreign_apps import ForeignApp, application_type_of
from idp.importers.foreign_tables import ForeignTables
from idp.importers.live_tokens import LiveAuthorization, LiveCode, LiveToken
from idp.jose.signatures import base64url
from idp.protocol.vocabulary import DEVICE_CODE

NAME = "django-oauth-toolkit"
APPLICATIONS = "oauth2_provider_application"
CODES = "oauth2_provider_grant"
ACCESS_TOKENS = "oauth2_provider_accesstoken"
REFRESH_TOKENS = "oauth2_provider_refreshtoken"
_APPLICATION = (
    *("client_id", "user_id", "name", "redirect_uris", "post_logout_redirect_uris"),
    *("client_type", "authorization_grant_type", "client_secret", "skip_authorization"),
    *("algorithm", "allowed_origins", "registration_source"),
)
_OF_TOKEN = ("token", "token_checksum", "resource")
_ACCESS_TOKEN = ("user_id", "application_id", "expires", "scope", "created", *_OF_TOKEN)
_REFRESH_TOKEN = ("user_id", "application_id", "access_token_id", "created", *_OF_TOKEN)
_CODE = (
    *("user_id", "application_id", "code", "expires", "redirect_uri", "scope", "created"),
    *("code_challenge", "code_challenge_method", "nonce", "claims", "resource"),
)
#: Our grant types and response types by the toolkit's one grant type.
_GRANTS: Mapping[str, tuple[list[str], list[str]]] = {
    "authorization-code": (["authorization_code", "refresh_token"], ["code"]),
    "implicit": (["implicit"], ["token", "id_token", "id_token token"]),
    "openid-hybrid": (
        ["authorization_code", "implicit", "refresh_token"],
        ["code", "code id_token", "code token", "code id_token token"],
    ),
    "password": (["password", "refresh_token"], []),
    "client-credentials": (["client_credentials"], []),
    DEVICE_CODE: ([DEVICE_CODE, "refresh_token"], []),
}


def apps(tables: ForeignTables) -> Iterator[ForeignApp]:
    """Yield the applications. Those that are read from a document of their own have no secret."""
    scopes = _scopes_used(tables)
    for row in tables.rows(APPLICATIONS, _APPLICATION):
        grant_types, response_types = _GRANTS.get(row["authorization_grant_type"], ([], []))
        redirect_uris = (row["redirect_uris"] or "").split()
        is_public = row["client_type"] == "public"
        yield ForeignApp(
            id=row["id"],
            owner_id=row["user_id"],
            entry={
                "client_id": row["client_id"],
                "client_name": row["name"] or row["client_id"],
                "redirect_uris": redirect_uris,
                "post_logout_redirect_uris": (row["post_logout_redirect_uris"] or "").split(),
                "allowed_origins": (row["allowed_origins"] or "").split(),
                "grant_types": grant_types,
                "response_types": response_types,
                "application_type": application_type_of(redirect_uris),
                "token_endpoint_auth_method": "none" if is_public else "client_secret_basic",
                "id_token_signed_response_alg": row["algorithm"] or policy.SIGNING_ALGORITHMS[0],
                "first_party": bool(row["skip_authorization"]),
                # The toolkit gives refresh tokens to every app that has a code.
                "refresh_without_offline_access": "refresh_token" in grant_types,
                "profile": "compatible",
            },
            secret="" if is_public else row["client_secret"] or "",
            scopes=scopes.get(row["id"], frozenset()),
            asked_users=bool(response_types) and not row["skip_authorization"],
            has_document=row["registration_source"] == "cimd",
        )


def _scopes_used(tables: ForeignTables) -> dict[int, frozenset[str]]:
    """Return the scopes of each application's tokens: its settings are no rows."""
    found: dict[int, frozenset[str]] = {}
    pairs = tables.all(f"SELECT DISTINCT application_id, scope FROM {ACCESS_TOKENS}")
    for application_id, scope in pairs:
        if application_id is not None:
            used = found.get(application_id, frozenset())
            found[application_id] = used | frozenset((scope or "").split())
    return found


def authorizations(
    tables: ForeignTables, now: datetime, refresh_lifetime: timedelta | None
) -> Iterator[LiveAuthorization]:
    """Yield what is valid now, with the other database's ids of users and applications.

    `refresh_lifetime` is the other server's REFRESH_TOKEN_EXPIRE_SECONDS, counted from the expiry
    of the access token beside it; None for no end.
    """
    yield from _codes(tables, now)
    yield from _refreshable(tables, now, refresh_lifetime)
    alone = (
        "expires > %s AND application_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM "
        f"{REFRESH_TOKENS} r WHERE r.access_token_id = {ACCESS_TOKENS}.id AND r.revoked IS NULL)"
    )
    for row in tables.rows(ACCESS_TOKENS, _ACCESS_TOKEN, where=alone, values=[now]):
        token = _access_token(row)
        yield _authorization(row, token.scope, token.resource, access_tokens=(token,))


def _codes(tables: ForeignTables, now: datetime) -> Iterator[LiveAuthorization]:
    """Yield the codes. The toolkit deletes one that is used."""
    for row in tables.rows(CODES, _CODE, where="expires > %s", values=[now]):
        code = LiveCode(
            hashed=hash_of(row["code"]),
            expires=datetime_of(row["expires"]),
            redirect_uri=row["redirect_uri"],
            code_challenge=s256_challenge(row["code_challenge"], row["code_challenge_method"]),
        )
        yield _authorization(
            row,
            row["scope"] or "",
            _resource(row),
            code=code,
            nonce=row["nonce"] or None,
            claims=_claims(row["claims"]),
        )


def _refreshable(
    tables: ForeignTables, now: datetime, lifetime: timedelta | None
) -> Iterator[LiveAuthorization]:
    """Yield the refresh tokens with their access tokens.

    One whose access token is gone is refused by the toolkit: something revoked that.
    """
    live = "revoked IS NULL AND access_token_id IS NOT NULL"
    for batch in tables.batches(REFRESH_TOKENS, _REFRESH_TOKEN, where=live):
        ids = [row["access_token_id"] for row in batch]
        beside = {
            row["id"]: row
            for row in tables.rows(
                ACCESS_TOKENS,
                _ACCESS_TOKEN,
                where=f"id IN ({', '.join(['%s'] * len(ids))})",
                values=ids,
            )
        }
        for row in batch:
            access = beside.get(row["access_token_id"])
            ends = _end_of_refresh_token(access, now, lifetime) if access else None
            if access is None or ends is None:
                continue
            token = _access_token(access)
            yield _authorization(
                row,
                token.scope,
                _resource(row),
                refresh_token=LiveToken(_hash(row), ends, resource=_resource(row)),
                access_tokens=(token,) if token.expires > now else (),
            )


def _end_of_refresh_token(
    access: dict[str, Any], now: datetime, lifetime: timedelta | None
) -> datetime | None:
    """Return when a refresh token ends that is used no more; None for one that has ended."""
    ours = now + policy.REFRESH_TOKEN_IDLE_LIFETIME
    theirs = datetime_of(access["expires"]) + lifetime if lifetime else ours
    return min(ours, theirs) if theirs > now else None


def _authorization(
    row: dict[str, Any], scope: str, resource: tuple[str, ...], **held: Any
) -> LiveAuthorization:
    return LiveAuthorization(
        client_id=row["application_id"],
        user_id=row["user_id"],
        scope=scope,
        authorized_at=datetime_of(row["created"]),
        resource=resource,
        **held,
    )


def _access_token(row: dict[str, Any]) -> LiveToken:
    return LiveToken(_hash(row), datetime_of(row["expires"]), row["scope"] or "", _resource(row))


def _hash(row: dict[str, Any]) -> str:
    """Return a token's SHA-256, which later releases store instead of the token."""
    return row["token_checksum"] or hash_of(row["token"])


def _resource(row: dict[str, Any]) -> tuple[str, ...]:
    """Return the APIs of a code or token (RFC 8707); earlier releases knew none."""
    return tuple(json_of(row["resource"]) or ())


def _claims(text: str | None) -> dict[str, list[str]]:
    """Return the names of the claims that were asked for one by one. OIDC Core §5.5."""
    try:
        asked = json.loads(text or "{}")
    except ValueError:
        return {}
    members = ("id_token", "userinfo")
    return {name: sorted(asked[name]) for name in members if isinstance(asked.get(name), dict)}


def s256_challenge(challenge: str | None, method: str | None) -> str:
    """Return a code challenge for S256, which is the only method here. RFC 7636 §4.2.

    One of the method plain is its verifier, so that its hash is the challenge of the same verifier.
    """
    if not challenge or method == "S256":
        return challenge or ""
    return base64url(hashlib.sha256(challenge.encode()).digest())
