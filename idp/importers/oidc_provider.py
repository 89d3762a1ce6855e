"""django-oidc-provider's database, of its releases from 0.5 on: apps, consents, codes, keys."""

from collections.abc import Iterator
from datetime import datetime
from hashlib import md5
from typing import Any

from foundation.statements import datetime_of, hash_of
from idp import imported_keys, policy
from idp.importers.foreign_apps import ForeignApp, application_type_of
from idp.importers.foreign_tables import ForeignTables
from idp.importers.live_tokens import LiveAuthorization, LiveCode, LiveToken
from idp.importers.toolkit import s256_challenge
from idp.protocol import response_types

NAME = "django-oidc-provider"
CLIENTS = "oidc_provider_client"
CODES = "oidc_provider_code"
TOKENS = "oidc_provider_token"
CONSENTS = "oidc_provider_userconsent"
KEYS = "oidc_provider_rsakey"
_CLIENT = (
    *("client_id", "owner_id", "name", "client_type", "client_secret", "response_type"),
    *("jwt_alg", "website_url", "terms_url", "contact_email", "require_consent"),
    *("_redirect_uris", "_post_logout_redirect_uris", "_scope"),
)
_CODE = (
    *("user_id", "client_id", "expires_at", "_scope", "code", "nonce"),
    *("code_challenge", "code_challenge_method"),
)
_TOKEN = ("user_id", "client_id", "expires_at", "_scope", "access_token", "refresh_token")
_CONSENT = ("user_id", "client_id", "expires_at", "_scope", "date_given")


def apps(tables: ForeignTables) -> Iterator[ForeignApp]:
    """Yield the clients."""
    kinds = _response_types(tables)
    for row in tables.rows(CLIENTS, _CLIENT):
        redirect_uris = row["_redirect_uris"].split()
        is_public = row["client_type"] == "public"
        # Before 0.7 a client had one response type.
        types = kinds.get(row["id"]) or [row["response_type"] or "code"]
        grant_types = {grant for kind in types for grant in response_types.grants_of(kind)}
        if "authorization_code" in grant_types:
            grant_types.add("refresh_token")
        scopes = frozenset((row["_scope"] or "").split())
        if scopes and not is_public:  # what lets a client have tokens for itself there
            grant_types.add("client_credentials")
        yield ForeignApp(
            id=row["id"],
            owner_id=row["owner_id"],
            entry={
                "client_id": row["client_id"],
                "client_name": row["name"] or row["client_id"],
                "redirect_uris": redirect_uris,
                "post_logout_redirect_uris": (row["_post_logout_redirect_uris"] or "").split(),
                "grant_types": sorted(grant_types),
                "response_types": types,
                "application_type": application_type_of(redirect_uris),
                "token_endpoint_auth_method": "none" if is_public else "client_secret_basic",
                "id_token_signed_response_alg": row["jwt_alg"] or policy.SIGNING_ALGORITHMS[0],
                "client_uri": row["website_url"] or "",
                "policy_uri": row["terms_url"] or "",
                "contacts": [row["contact_email"]] if row["contact_email"] else [],
                "first_party": row["require_consent"] is not None and not row["require_consent"],
                # It gives refresh tokens to every client that has a code.
                "refresh_without_offline_access": "refresh_token" in grant_types,
                "profile": "compatible",
            },
            secret="" if is_public else row["client_secret"] or "",
            scopes=scopes,
        )


def _response_types(tables: ForeignTables) -> dict[int, list[str]]:
    """Return the response types by client."""
    if not tables.columns_of("oidc_provider_responsetype"):
        return {}
    found: dict[int, list[str]] = {}
    pairs = tables.all(
        "SELECT c.client_id, t.value FROM oidc_provider_client_response_types c "
        "JOIN oidc_provider_responsetype t ON t.id = c.responsetype_id ORDER BY t.id"
    )
    for client_id, value in pairs:
        found.setdefault(client_id, []).append(value)
    return found


def authorizations(tables: ForeignTables, now: datetime) -> Iterator[LiveAuthorization]:
    """Yield what is valid now, with the other database's ids of users and clients.

    A code there does not say where it was sent to, so it is taken for a client with one redirect
    URI alone. A refresh token has no end there: here it has ours.
    """
    redirect_uris = {
        row["id"]: row["_redirect_uris"].split()
        for row in tables.rows(CLIENTS, ("_redirect_uris",))
    }
    for row in tables.rows(CODES, _CODE, where="expires_at > %s", values=[now]):
        where = redirect_uris.get(row["client_id"], [])
        if len(where) == 1:
            code = LiveCode(
                hashed=hash_of(row["code"]),
                expires=datetime_of(row["expires_at"]),
                redirect_uri=where[0],
                code_challenge=s256_challenge(row["code_challenge"], row["code_challenge_method"]),
            )
            yield _authorization(row, now, code=code, nonce=row["nonce"] or None)
    for row in tables.rows(TOKENS, _TOKEN):
        expires = datetime_of(row["expires_at"])
        access = LiveToken(hash_of(row["access_token"]), expires, row["_scope"] or "")
        refresh = None
        if row["user_id"] is not None and row["refresh_token"]:
            ends = now + policy.REFRESH_TOKEN_IDLE_LIFETIME
            refresh = LiveToken(hash_of(row["refresh_token"]), ends)
        tokens = (access,) if expires > now else ()
        if tokens or refresh:
            yield _authorization(row, now, access_tokens=tokens, refresh_token=refresh)


def _authorization(row: dict[str, Any], now: datetime, **held: Any) -> LiveAuthorization:
    """Return what a row gives. When the user signed in is unknown: before its code or token."""
    return LiveAuthorization(
        client_id=row["client_id"],
        user_id=row["user_id"],
        scope=row["_scope"] or "",
        authorized_at=min(now, datetime_of(row["expires_at"])),
        **held,
    )


def consents(tables: ForeignTables, now: datetime) -> Iterator[dict[str, Any]]:
    """Yield the consents that are valid now: user, client, scopes and times."""
    for row in tables.rows(CONSENTS, _CONSENT, where="expires_at > %s", values=[now]):
        yield {
            "id": row["id"],
            "user_id": row["user_id"],
            "client_id": row["client_id"],
            "scopes": sorted((row["_scope"] or "").split()),
            "expires_at": datetime_of(row["expires_at"]),
        }


def keys(tables: ForeignTables) -> Iterator[dict[str, Any]]:
    """Yield the public parts of its RSA keys, by its key ids: the MD5 of their PEM.

    Raises UnusableKeyError.
    """
    for row in tables.rows(KEYS, ("key",)):
        if row["key"]:
            kid = md5(row["key"].encode(), usedforsecurity=False).hexdigest()
            yield from imported_keys.read(row["key"], kid=kid, algorithm="RS256")
