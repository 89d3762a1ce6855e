"""Verifying JWTs that came back to us from outside. RFC 8725 §3.

The key is found by kid in the caller's own set and brings its algorithm along; what the token says
of keys (jku, jwk, x5u) is never looked at.
"""

import json
from collections.abc import Mapping
from typing import Any

from jwcrypto.common import JWException
from jwcrypto.jwk import JWK
from jwcrypto.jws import JWS

MAX_CHARACTERS = 16 * 1024


def verified_claims(
    token: str, keys: Mapping[str, dict[str, Any]], typ: str = "JWT"
) -> dict[str, Any] | None:
    """Return the claims of a token of this `typ`, signed with one of `keys`, or None.

    `keys` are public JWKs by kid. The type keeps tokens of one kind from passing for another's.
    """
    if len(token) > MAX_CHARACTERS or token.count(".") != 2:
        return None
    try:
        jws = JWS()
        jws.deserialize(token)
        key = keys.get(jws.jose_header.get("kid", ""))
        if key is None or jws.jose_header.get("alg") != key["alg"]:
            return None
        if jws.jose_header.get("typ") != typ:
            return None
        jws.allowed_algs = [key["alg"]]
        jws.verify(JWK(**key))
        claims = json.loads(jws.payload)
    except (JWException, ValueError, TypeError, RecursionError):
        return None
    return claims if isinstance(claims, dict) else None
