"""A JWT by which a client proves itself with its private key. RFC 7523 §3."""

import json
import secrets
import time
from typing import Any

from jwcrypto.common import JWException
from jwcrypto.jwk import JWK
from jwcrypto.jws import JWS

from signet_client.issuers import Issuer
from signet_client.problems import Problem

#: Seconds for which an assertion of ours is valid; it is used at once.
_LIFETIME = 60


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
        "exp": now + _LIFETIME,
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
