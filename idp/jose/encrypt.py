"""Encrypting to others: the JWE compact serialization (RFC 7516 §3.1), by jwcrypto."""

import hashlib
from collections.abc import Iterable
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from jwcrypto.common import JWException
from jwcrypto.jwe import JWE
from jwcrypto.jwk import JWK

from idp.jose.signatures import base64url

#: Key types of algorithms (RFC 7518 §4.1, RFC 8037 §3.2), by prefixes of their names.
_KINDS = {"RSA-OAEP": {"RSA"}, "ECDH-ES": {"EC", "OKP"}}
_RSA_BITS = range(2048, 8193)
_KEY_BITS = {
    "A128KW": 128,
    "A192KW": 192,
    "A256KW": 256,
    "A128GCM": 128,
    "A192GCM": 192,
    "A256GCM": 256,
    "A128CBC-HS256": 256,
    "A256CBC-HS512": 512,
}


def encrypted(
    plaintext: str,
    *,
    alg: str,
    enc: str,
    key: dict[str, Any] | bytes,
    typ: str = "JWT",
    cty: str | None = "JWT",
) -> str:
    """Return a signed JWT as a JWE: `key` is a public JWK, or the shared secret's bytes.

    `cty` is None for unsigned claims, which are not a JWT.
    """
    jwk = JWK(kty="oct", k=base64url(key)) if isinstance(key, bytes) else JWK(**key)
    header = {"alg": alg, "enc": enc, "typ": typ}
    if cty is not None:
        header["cty"] = cty
    kid = jwk.get("kid")
    if kid:
        header["kid"] = kid
    jwe = JWE(plaintext=plaintext.encode(), protected=header, recipient=jwk)
    return str(jwe.serialize(compact=True))


def public_key_for(keys: Iterable[Any], alg: str) -> dict[str, Any] | None:
    """Return the key of a client's set to encrypt to, or None. OIDC Core §10.2.

    A key with this algorithm, or with use "enc", is preferred to one without either.
    """
    fitting = [key for key in keys if isinstance(key, dict) and _fits(key, alg)]
    fitting.sort(key=lambda key: ("alg" in key, "use" in key), reverse=True)
    return next((key for key in fitting if _works(key, alg)), None)


def key_of_secret(secret: bytes, *, alg: str, enc: str) -> bytes:
    """Return the symmetric key that a client secret makes: its hash, cut. OIDC Core §10.2."""
    bits = _KEY_BITS[enc if alg == "dir" else alg]
    sha = hashlib.sha256 if bits <= 256 else hashlib.sha384 if bits <= 384 else hashlib.sha512
    return sha(secret).digest()[: bits // 8]


def _fits(key: dict[str, Any], alg: str) -> bool:
    kinds = next((kinds for name, kinds in _KINDS.items() if alg.startswith(name)), set())
    return (
        isinstance(key.get("kty"), str)
        and key["kty"] in kinds
        and key.get("use") in (None, "enc")
        and key.get("alg") in (None, alg)
    )


def _works(key: dict[str, Any], alg: str) -> bool:
    """Whether the key can encrypt: invalid and weak keys can't."""
    try:
        if key["kty"] == "RSA" and JWK(**key).get_op_key("encrypt").key_size not in _RSA_BITS:
            return False
        encrypted("a test", alg=alg, enc="A128CBC-HS256", key=key)
    except (JWException, UnsupportedAlgorithm, ValueError, TypeError, OverflowError):
        return False
    return True
