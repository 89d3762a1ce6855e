"""Verifying JWTs that came to us from outside. RFC 8725 §3.

The caller says which keys and algorithms it believes. What a token says of keys (jku, jwk, x5u,
x5c) is never looked at, nothing is fetched, and nothing encrypted is ever opened.
"""

import re
from base64 import urlsafe_b64decode
from collections.abc import Iterable
from typing import Any

from cryptography.exceptions import UnsupportedAlgorithm
from jwcrypto.common import JWException
from jwcrypto.jwk import JWK
from jwcrypto.jws import JWS

from idp.jose.sign import ALGORITHMS, Algorithm, base64url
from idp.protocol import json_objects
from idp.protocol.errors import InvalidRequest

#: What any JWT may be long, and its header alone.
MAX_CHARACTERS = json_objects.MAX_CHARACTERS
_MAX_HEADER = 4 * 1024
#: Keys that are tried where a token does not say which one it is signed with.
_MOST_TRIED = 5
#: RSA keys, in bits: shorter ones are broken, longer ones a burden (RFC 7518 §3.3).
_RSA_BITS = range(2048, 8193)
_COMPACT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_Jwk = dict[str, Any]


def verified_by(jwt: str, keys: list[_Jwk], algorithms: frozenset[str]) -> dict[str, Any] | None:
    """Return the claims of a JWT that one of `keys` signed with one of `algorithms`, or None.

    A key counts where its kind goes with the token's algorithm, and its `kid`, `alg` and `use`, as
    far as it has them, with the token. Its type, who issued it, to whom and for how long is judged
    by `received_jwts`.
    """
    header = header_of(jwt)
    if header is None:
        return None
    algorithm = ALGORITHMS.get(header["alg"])
    if algorithm is None or algorithm.name not in algorithms:
        return None
    fitting = [key for key in keys if _fits(key, algorithm, header.get("kid"))]
    for key in fitting[:_MOST_TRIED]:
        payload = _payload(jwt, key, algorithm)
        if payload is not None:
            return _object(payload)
    return None


def header_of(jwt: str) -> dict[str, Any] | None:
    """Return the header of a JWT if it is one that can be verified here; none of it is proven.

    None for what is too long, encrypted, no compact JWS, or marked with an extension that has to be
    understood (RFC 7515 §4.1.11, RFC 7797 §3): none is.
    """
    if len(jwt) > MAX_CHARACTERS or _COMPACT.fullmatch(jwt) is None:
        return None
    encoded = jwt.partition(".")[0]
    if len(encoded) > _MAX_HEADER:
        return None
    header = _object(_decoded(encoded))
    if header is None or not isinstance(header.get("alg"), str):
        return None
    return None if {"crit", "b64"} & header.keys() else header


def is_encrypted(jwt: str) -> bool:
    """Whether this looks like a JWE (RFC 7516 §3.1)."""
    return jwt.count(".") == 4


def unverified_claims(jwt: str) -> dict[str, Any]:
    """Return what a JWT says before anybody has verified it: good for finding its key, no more."""
    return _object(_decoded(jwt.split(".")[1])) or {} if header_of(jwt) is not None else {}


def octet_keys(secrets: Iterable[bytes]) -> list[_Jwk]:
    """Return shared secrets as JWKs (RFC 7518 §6.4)."""
    return [{"kty": "oct", "k": base64url(secret)} for secret in secrets]


def _fits(key: _Jwk, algorithm: Algorithm, kid: Any) -> bool:
    """RFC 8725 §3.1: a key is used with what it is for and nothing else."""
    if not isinstance(key, dict) or key.get("kty") != algorithm.kty:
        return False
    if algorithm.crv is not None and key.get("crv") != algorithm.crv:
        return False
    return (
        key.get("alg") in (None, algorithm.name)
        and key.get("use") in (None, "sig")
        and (kid is None or key.get("kid") in (None, kid))
    )


def _payload(jwt: str, key: _Jwk, algorithm: Algorithm) -> bytes | None:
    """Return what a key has signed, or None: it has not, or is too weak, or is no key."""
    try:
        jwk = JWK(**key)
        if not _is_strong(jwk, algorithm):
            return None
        jws = JWS()
        jws.allowed_algs = [algorithm.name]
        jws.deserialize(jwt, jwk)
        payload: bytes = jws.payload
    except (JWException, UnsupportedAlgorithm, ValueError, TypeError, OverflowError):
        return None
    return payload


def _is_strong(jwk: JWK, algorithm: Algorithm) -> bool:
    """RFC 7518 §3.2, §3.3: keys are as long as their algorithm needs."""
    if algorithm.kty == "oct":
        return len(_decoded(jwk["k"])) >= algorithm.octets
    return algorithm.kty != "RSA" or jwk.get_op_key("verify").key_size in _RSA_BITS


def _object(text: bytes) -> dict[str, Any] | None:
    """Return a JSON object, read strictly: what comes twice means one thing here, another there."""
    try:
        return json_objects.parse(text.decode())
    except (InvalidRequest, UnicodeDecodeError):
        return None


def _decoded(part: str) -> bytes:
    """Return what base64url hides, or nothing where it is none."""
    try:
        return urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except ValueError:
        return b""
