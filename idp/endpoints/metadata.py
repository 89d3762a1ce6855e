"""Discovery and keys: bytes made ahead, the same from the WSGI entrance and from Django.

OIDC Discovery §3, RFC 8414 §2, RFC 7517 §5.
"""

import hashlib
import json
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseNotModified

from idp import claims, keys, policy
from idp.claim_sources import configured
from idp.clients.enabled_grants import EnabledGrants, enabled_grants
from idp.endpoints.wire import methods
from idp.protocol.vocabulary import CIBA


@dataclass(frozen=True)
class Document:
    """A published document with the headers it goes out with."""

    body: bytes
    headers: tuple[tuple[str, str], ...]
    etag: str


def published(path: str) -> Document | None:
    """Return the document at this path, or None. The keys are at most PUBLISHED_FOR old."""
    if path in policy.DISCOVERY_PATHS:
        return _discovery(enabled_grants())
    if path == policy.PATHS["jwks_uri"]:
        return _jwks(keys.key_set().jwks)
    return None


@methods("GET", "HEAD")
def document(request: HttpRequest) -> HttpResponse:
    """Serve a document where the WSGI entrance has not."""
    found = published(request.path_info)
    if found is None:
        raise LookupError(request.path_info)
    not_modified = request.headers.get("If-None-Match") == found.etag
    response = HttpResponseNotModified() if not_modified else HttpResponse(found.body)
    for name, value in found.headers:
        response[name] = value
    return response


def provider_metadata(enabled: EnabledGrants) -> dict[str, Any]:
    """Return the discovery document, from the tables that the checks read."""
    return {
        "issuer": policy.ISSUER,
        **{name: policy.address(name) for name in enabled.endpoints},
        "scopes_supported": (*policy.STANDARD_SCOPES, *enabled.scopes),
        "response_types_supported": enabled.response_types,
        "response_modes_supported": policy.RESPONSE_MODES,
        "grant_types_supported": enabled.grant_types,
        "acr_values_supported": policy.ACR_VALUES,
        "subject_types_supported": policy.SUBJECT_TYPES,
        "id_token_signing_alg_values_supported": policy.ID_TOKEN_ALGORITHMS,
        "id_token_encryption_alg_values_supported": policy.RESPONSE_ENCRYPTION_ALGORITHMS,
        "id_token_encryption_enc_values_supported": policy.RESPONSE_CONTENT_ENCRYPTIONS,
        "userinfo_signing_alg_values_supported": policy.ID_TOKEN_ALGORITHMS,
        "userinfo_encryption_alg_values_supported": policy.RESPONSE_ENCRYPTION_ALGORITHMS,
        "userinfo_encryption_enc_values_supported": policy.RESPONSE_CONTENT_ENCRYPTIONS,
        "authorization_signing_alg_values_supported": policy.SIGNING_ALGORITHMS,
        "authorization_encryption_alg_values_supported": policy.RESPONSE_ENCRYPTION_ALGORITHMS,
        "authorization_encryption_enc_values_supported": policy.RESPONSE_CONTENT_ENCRYPTIONS,
        "token_endpoint_auth_methods_supported": policy.OFFERED_AUTHENTICATION_METHODS,
        "revocation_endpoint_auth_methods_supported": policy.OFFERED_AUTHENTICATION_METHODS,
        "introspection_endpoint_auth_methods_supported": [
            method for method in policy.OFFERED_AUTHENTICATION_METHODS if method != "none"
        ],
        **{
            f"{name}_auth_signing_alg_values_supported": policy.CLIENT_ALGORITHMS
            for name in policy.AUTHENTICATED_ENDPOINTS
        },
        "introspection_signing_alg_values_supported": policy.SIGNING_ALGORITHMS,
        "display_values_supported": policy.DISPLAYS,
        "prompt_values_supported": policy.PROMPTS,
        "claim_types_supported": ["normal", *configured.claim_types()],
        "claims_supported": (*claims.supported(), *enabled.claims),
        "claims_parameter_supported": True,
        "request_parameter_supported": True,
        "request_uri_parameter_supported": True,
        "require_request_uri_registration": True,
        "require_signed_request_object": False,
        "require_pushed_authorization_requests": policy.REQUIRE_PUSHED_REQUESTS,
        "dpop_signing_alg_values_supported": policy.DPOP_ALGORITHMS,
        "request_object_signing_alg_values_supported": policy.CLIENT_ALGORITHMS,
        "request_object_encryption_alg_values_supported": policy.DECRYPTION_ALGORITHMS,
        "request_object_encryption_enc_values_supported": policy.RESPONSE_CONTENT_ENCRYPTIONS,
        "backchannel_logout_supported": True,
        "backchannel_logout_session_supported": True,
        "frontchannel_logout_supported": True,
        "frontchannel_logout_session_supported": True,
        "ui_locales_supported": [code for code, _ in settings.LANGUAGES],
        "code_challenge_methods_supported": policy.CODE_CHALLENGE_METHODS,
        "authorization_response_iss_parameter_supported": True,
        **(
            {"authorization_details_types_supported": enabled.authorization_details_types}
            if enabled.authorization_details_types
            else {}
        ),
        **({"native_sso_supported": True} if enabled.native_sso else {}),
        **(
            {"identity_chaining_requested_token_types_supported": enabled.requested_token_types}
            if enabled.requested_token_types
            else {}
        ),
        **(
            {"authorization_grant_profiles_supported": enabled.grant_profiles}
            if enabled.grant_profiles
            else {}
        ),
        **(
            {"client_id_metadata_document_supported": True}
            if policy.CLIENT_ID_METADATA == "open"
            else {}
        ),
        **(_BACKCHANNEL if CIBA in enabled.grant_types else {}),
        **_certificates(enabled),
    }


def _certificates(enabled: EnabledGrants) -> dict[str, Any]:
    """Return what clients with TLS certificates need to know. RFC 8705 §3.3, §5."""
    if not policy.CLIENT_CERTIFICATES:
        return {}
    aliases = {name: url for name, url in policy.MTLS_ALIASES.items() if name in enabled.endpoints}
    return {
        "tls_client_certificate_bound_access_tokens": True,
        **({"mtls_endpoint_aliases": aliases} if aliases else {}),
    }


#: OIDC CIBA §4.
_BACKCHANNEL = {
    "backchannel_token_delivery_modes_supported": policy.BACKCHANNEL_DELIVERY_MODES,
    "backchannel_authentication_request_signing_alg_values_supported": policy.SIGNING_ALGORITHMS,
    "backchannel_user_code_parameter_supported": False,
}


@cache
def _discovery(enabled: EnabledGrants) -> Document:
    return _document(json.dumps(provider_metadata(enabled), indent=1).encode(), "max-age=300")


@cache
def _jwks(body: bytes) -> Document:
    return _document(body, "max-age=300")


def _document(body: bytes, lifetime: str) -> Document:
    etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers = (
        ("Content-Type", "application/json"),
        ("Cache-Control", f"public, {lifetime}"),
        ("ETag", etag),
        ("Access-Control-Allow-Origin", "*"),
        ("X-Content-Type-Options", "nosniff"),
    )
    return Document(body, headers, etag)
