"""Access tokens for a machine itself: the client credentials grant. RFC 6749 §4.4.

The client proves itself with its secret, its private key, or a JWT that another issuer gave it.
"""

import json
import secrets
import time
from collections.abc import Sequence
from typing import Any

from jwcrypto.common import JWException
from jwcrypto.jwk import JWK
from jwcrypto.jws import JWS

from signet_client.credentials import Credentials
from signet_client.issuers import Issuer
from signet_client.problems import Problem
from signet_client.token_endpoint import request_tokens
from signet_client.tokens import AccessToken

_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
#: Seconds for which an assertion of ours is valid; it is used at once.
_ASSERTION_LIFETIME = 60


def machine_token(
    issuer: Issuer, client: Credentials, scope: str, resources: Sequence[str]
) -> AccessToken:
    """Return a new access token for the client itself. Raises Problem, UnreachableError."""
    form = [("grant_type", "client_credentials"), *([("scope", scope)] if scope else [])]
    form += [("resource", each) for each in resources]
    if client.kind == "client_secret_file":
        return _with_secret(issuer, client, form)
    if client.kind == "private_key_file":
        assertion = signed_assertion(issuer, client.client_id, client.value)
    else:
        assertion = client.value
    form += [("client_id", client.client_id), ("client_assertion_type", _ASSERTION_TYPE)]
    return request_tokens(issuer, [*form, ("client_assertion", assertion)]).access_token


def _with_secret(issuer: Issuer, client: Credentials, form: list[tuple[str, str]]) -> AccessToken:
    """Send the secret in the header, or in the body if the issuer knows only that."""
    methods = issuer.supported("token_endpoint_auth_methods_supported", ("client_secret_basic",))
    if "client_secret_post" in methods and "client_secret_basic" not in methods:
        form = [*form, ("client_id", client.client_id), ("client_secret", client.value)]
        return request_tokens(issuer, form).access_token
    return request_tokens(issuer, form, (client.client_id, client.value)).access_token


def signed_assertion(issuer: Issuer, client_id: str, key_text: str) -> str:
    """Return a JWT by which a client proves itself with a key in PEM or JWK. RFC 7523 §3."""
    key = _key(key_text)
    now = int(time.time())
    claims = {
        "iss": client_id,
        "sub": client_id,
        "aud": issuer.identifier,
        "jti": secrets.token_urlsafe(16),
        "iat": now,
        "exp": now + _ASSERTION_LIFETIME,
    }
    header = {"alg": _algorithm(issuer, key), "typ": "JWT"}
    if key.get("kid"):
        header["kid"] = key["kid"]
    jws = JWS(json.dumps(claims))
    jws.add_signature(key, protected=json.dumps(header))
    return str(jws.serialize(compact=True))


def _key(text: str) -> Any:
    try:
        key = JWK.from_json(text) if text.startswith("{") else JWK()
        if not text.startswith("{"):
            key.import_from_pem(text.encode(), kid="")
    except (JWException, ValueError, TypeError):
        key = None
    if key is None or not key.has_private:
        raise Problem(
            "The private key cannot be read: it has to be a PEM without a passphrase, or a JWK."
        )
    return key


def _algorithm(issuer: Issuer, key: Any) -> str:
    """Return the algorithm of the key, or one that fits it and the issuer. RFC 7518 §3.1."""
    if key.get("alg"):
        return str(key["alg"])
    fitting = {
        "RSA": ("RS256", "PS256"),
        "P-256": ("ES256",),
        "P-384": ("ES384",),
        "P-521": ("ES512",),
        "Ed25519": ("EdDSA", "Ed25519"),
    }.get(key.get("crv") or key.get("kty"), ())
    offered = issuer.supported("token_endpoint_auth_signing_alg_values_supported", fitting)
    for each in fitting:
        if each in offered:
            return each
    raise Problem(f"{issuer.identifier} does not accept signatures with a key of this kind.")
