"""Encrypting what was signed: the JWE compact serialization (RFC 7516 §3.1), by jwcrypto."""

from typing import Any

from jwcrypto.jwe import JWE
from jwcrypto.jwk import JWK

from idp.jose.sign import base64url


def encrypted(token: str, *, alg: str, enc: str, key: dict[str, Any] | bytes, typ: str) -> str:
    """Return a signed JWT as a JWE: `key` is a public JWK, or the shared secret's bytes."""
    jwk = JWK(kty="oct", k=base64url(key)) if isinstance(key, bytes) else JWK(**key)
    header = {"alg": alg, "enc": enc, "cty": "JWT", "typ": typ}
    kid = jwk.get("kid")
    if kid:
        header["kid"] = kid
    jwe = JWE(plaintext=token.encode(), protected=header, recipient=jwk)
    return str(jwe.serialize(compact=True))
