"""Sign as a client does: assertions that prove it, and keys of its own."""

import json
import time
from typing import Any

from jwcrypto.jwk import JWK
from jwcrypto.jws import JWS

from tests import secrecy
from tests.relying_party import ISSUER, Registered, make_client, unique

TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
_KINDS: dict[str, dict[str, Any]] = {
    "RS": {"kty": "RSA", "size": 2048},
    "PS": {"kty": "RSA", "size": 2048},
    "ES256": {"kty": "EC", "crv": "P-256"},
    "ES384": {"kty": "EC", "crv": "P-384"},
    "ES512": {"kty": "EC", "crv": "P-521"},
    "Ed": {"kty": "OKP", "crv": "Ed25519"},
}


def make_key(algorithm: str = "ES256") -> JWK:
    """Return a private key for an algorithm, with a kid."""
    kind = _KINDS.get(algorithm) or _KINDS[algorithm[:2]]
    return JWK.generate(kid=unique("key"), **kind)


def jwks_of(*keys: JWK) -> dict[str, Any]:
    """Return the public parts of keys as a set."""
    return {"keys": [key.export_public(as_dict=True) for key in keys]}


def shared_key(client: Registered) -> JWK:
    """Return a client's secret as a key."""
    return JWK.from_password(client.secret or "")


def sign(claims: dict[str, Any], key: JWK, algorithm: str = "ES256", **header: Any) -> str:
    """Return claims as a signed JWT; None leaves a member of the header out."""
    jws = JWS(json.dumps(claims).encode())
    protected = {"alg": algorithm, "kid": key.get("kid"), **header}
    jws.add_signature(key, protected=json.dumps({n: v for n, v in protected.items() if v}))
    signed = jws.serialize(compact=True)
    secrecy.used.note(signed)
    return signed


def claims_of(client_id: str, **overrides: Any) -> dict[str, Any]:
    """Return the claims of an assertion; None leaves one out."""
    now = int(time.time())
    claims = {
        "iss": client_id,
        "sub": client_id,
        "aud": ISSUER,
        "jti": unique("jti"),
        "iat": now,
        "exp": now + 60,
        **overrides,
    }
    return {name: value for name, value in claims.items() if value is not None}


def assertion_of(client: Registered, key: JWK, algorithm: str = "ES256", **claims: Any) -> str:
    """Return an assertion of a client."""
    return sign(claims_of(client.client_id, **claims), key, algorithm)


def form_of(assertion: str) -> dict[str, str]:
    """Return the parameters that an assertion comes in."""
    return {"client_assertion_type": TYPE, "client_assertion": assertion}


def make_key_client(key: JWK, **metadata: Any) -> Registered:
    """Register a client that proves itself with a key."""
    client = make_client(
        **{
            "token_endpoint_auth_method": "private_key_jwt",
            "jwks": None if "jwks_uri" in metadata else jwks_of(key),
            **metadata,
        }
    )
    client.key = key
    return client


def make_shared_client(**metadata: Any) -> Registered:
    """Register a client that proves itself by signing with its secret."""
    return make_client(**{"token_endpoint_auth_method": "client_secret_jwt", **metadata})
