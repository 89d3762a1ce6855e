"""The ID token: signed by the issuer, for this client, in answer to this request.

OIDC Core §3.1.3.7.
"""

import hashlib
import json
import time
from base64 import urlsafe_b64encode
from typing import Any

from jwcrypto.common import JWException
from jwcrypto.jwk import JWKSet
from jwcrypto.jws import JWS

from signet_client import web
from signet_client.issuers import Issuer
from signet_client.problems import Problem

#: Signatures with a key of the issuer’s, and the hash of each, for `at_hash`.
_ALGORITHMS = {
    **{f"{kind}{bits}": f"sha{bits}" for kind in ("RS", "ES", "PS") for bits in (256, 384, 512)},
    "EdDSA": "sha512",
    "Ed25519": "sha512",
}
#: Seconds by which the issuer’s clock may differ from ours.
LEEWAY = 60


def verified_claims(
    issuer: Issuer,
    id_token: str,
    client_id: str,
    *,
    nonce: str | None = None,
    access_token: str | None = None,
) -> dict[str, Any]:
    """Return the claims of an ID token. Raises Problem if any of it is not as it has to be.

    `nonce` is that of the authorization request; None where there was none: the device grant, and
    refresh.
    """
    header, claims = _verified(issuer, id_token)
    audience = claims.get("aud")
    audiences = audience if isinstance(audience, list) else [audience]
    now = time.time()
    rules = (
        (claims.get("iss") == issuer.identifier, "it is another issuer’s"),
        (client_id in audiences, "it is for another app"),
        (audiences == [client_id] or claims.get("azp") == client_id, "it is for other apps, too"),
        (_number(claims, "exp") > now - LEEWAY, "it has expired; is this machine’s clock right?"),
        (
            _number(claims, "iat") < now + LEEWAY,
            "it is of the future; is this machine’s clock right?",
        ),
        (isinstance(claims.get("sub"), str), "it names no user"),
        (nonce is None or claims.get("nonce") == nonce, "it answers another sign-in"),
        (
            _is_of(claims.get("at_hash"), access_token, header["alg"]),
            "it is of another access token",
        ),
    )
    for holds, why in rules:
        if not holds:
            raise Problem(f"The issuer’s ID token was not accepted: {why}.")
    return claims


def _verified(issuer: Issuer, id_token: str) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return header and claims of a JWT that a key of the issuer’s has signed."""
    keys = web.get(issuer.endpoint("jwks_uri")).body.decode("utf-8", "replace")
    offered = issuer.supported("id_token_signing_alg_values_supported", ("RS256",))
    jws = JWS()
    jws.allowed_algs = [each for each in _ALGORITHMS if each in offered]
    try:
        jws.deserialize(id_token)
        known = JWKSet.from_json(keys)
        kid = jws.jose_header.get("kid")
        candidates = known.get_keys(kid) if kid is not None else known["keys"]
        for key in candidates or ():
            if _is_signed_with(jws, key):
                claims = json.loads(jws.payload)
                if isinstance(claims, dict):
                    return jws.jose_header, claims
    except (JWException, ValueError, TypeError, KeyError, RecursionError):
        pass
    raise Problem("The issuer’s ID token was not accepted: no key of the issuer’s has signed it.")


def _is_signed_with(jws: JWS, key: Any) -> bool:
    try:
        jws.verify(key)
    except (JWException, ValueError, TypeError):
        return False
    return True


def _number(claims: dict[str, Any], name: str) -> float:
    """Return a time; one that no rule accepts if it is missing."""
    value = claims.get(name)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return value
    return 0 if name == "exp" else float("inf")


def _is_of(at_hash: Any, access_token: str | None, algorithm: str) -> bool:
    """Whether the hash is that of the access token; it may be missing. OIDC Core §3.1.3.6."""
    if at_hash is None or access_token is None:
        return True
    digest = hashlib.new(_ALGORITHMS[algorithm], access_token.encode()).digest()
    half = urlsafe_b64encode(digest[: len(digest) // 2]).rstrip(b"=").decode()
    return bool(at_hash == half)
