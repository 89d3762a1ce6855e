"""Verify signatures of JWTs from others. RFC 8725 §3.

Only the keys and algorithms passed in are trusted. Keys that a token names (jku, jwk, x5u, x5c) are
ignored, nothing is fetched, and nothing encrypted is decrypted.
"""

import re
from base64 import urlsafe_b64decode
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwcrypto.common import JWException
from jwcrypto.jwk import JWK

from idp.jose.signatures import ALGORITHMS, Algorithm, PublicKey, base64url
from idp.protocol import json_objects
from idp.protocol.errors import InvalidRequest

#: Maximum length of a JWT, and of its header.
MAX_CHARACTERS = json_objects.MAX_CHARACTERS
_MAX_HEADER = 4 * 1024
#: Maximum number of keys to try for a token without kid.
_MOST_TRIED = 5
#: RSA keys, in bits: shorter ones are broken, longer ones a burden (RFC 7518 §3.3).
_RSA_BITS = range(2048, 8193)
#: What public keys are made of (RFC 7518 §6.2.1, §6.3.1; RFC 8037 §2).
_PUBLIC = ("kty", "crv", "x", "y", "n", "e")
#: What reading something raises that is no key.
_UNUSABLE = (JWException, UnsupportedAlgorithm, ValueError, TypeError, OverflowError)
_COMPACT = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_Jwk = dict[str, Any]


def verified_by(jwt: str, keys: list[_Jwk], algorithms: frozenset[str]) -> dict[str, Any] | None:
    """Return the claims of a JWT that one of `keys` signed with one of `algorithms`, or None.

    A key is tried if its type fits the token's algorithm, and its `kid`, `alg` and `use`, if
    present, the token. `received_jwts` judges type, issuer, audience and times.
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
    """Return the header of a JWT if it can be verified here; the header is unverified.

    None for a JWT that is too long, encrypted, no compact JWS, or has an extension that has to be
    understood (RFC 7515 §4.1.11, RFC 7797 §3): none is supported.
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
    """Return the claims of a JWT before verification: use them only to find its key."""
    return _object(_decoded(jwt.split(".")[1])) or {} if header_of(jwt) is not None else {}


def octet_keys(secrets: Iterable[bytes]) -> list[_Jwk]:
    """Return shared secrets as JWKs (RFC 7518 §6.4)."""
    return [{"kty": "oct", "k": base64url(secret)} for secret in secrets]


def _fits(key: _Jwk, algorithm: Algorithm, kid: Any) -> bool:
    """RFC 8725 §3.1: a key is used for its purpose only."""
    if not isinstance(key, dict) or key.get("kty") != algorithm.kty:
        return False
    if algorithm.crv is not None and key.get("crv") != algorithm.crv:
        return False
    return (
        key.get("alg") in (None, algorithm.name)
        and key.get("use") in (None, "sig")
        and _may_verify(key.get("key_ops"))
        and (kid is None or key.get("kid") in (None, kid))
    )


def _may_verify(key_ops: Any) -> bool:
    """RFC 7517 §4.3: a key that says what it is for is for nothing else."""
    return key_ops is None or (isinstance(key_ops, list) and "verify" in key_ops)


def _payload(jwt: str, key: _Jwk, algorithm: Algorithm) -> bytes | None:
    """Return the payload that a key has signed, or None: not signed, or an unfit key."""
    message, _, signature = jwt.rpartition(".")
    try:
        algorithm.verify(_loaded(key, algorithm), message.encode(), _decoded(signature))
    except (InvalidSignature, *_UNUSABLE):
        return None
    return _decoded(message.partition(".")[2])


def _loaded(key: _Jwk, algorithm: Algorithm) -> PublicKey | bytes:
    """Return a key that is ready to verify with. Raises ValueError for one that is too short.

    RFC 7518 §3.2, §3.3: keys are as long as their algorithm needs.
    """
    if algorithm.kty != "oct":
        return _public_key(**{name: key[name] for name in _PUBLIC if name in key})
    secret = _decoded(str(key.get("k")))
    if len(secret) < algorithm.octets:
        raise ValueError("The secret is too short.")
    return secret


@lru_cache(maxsize=1024)
def _public_key(**members: Any) -> PublicKey:
    """Read a public key, which costs as much as to verify with it; others sign with one for long.

    Raises one of _UNUSABLE for what is none.
    """
    public: PublicKey = JWK(**members).get_op_key("verify")
    if isinstance(public, RSAPublicKey) and public.key_size not in _RSA_BITS:
        raise ValueError("The RSA key is too short or too long.")
    return public


def _object(text: bytes) -> dict[str, Any] | None:
    """Parse a JSON object strictly: duplicate members are ambiguous."""
    try:
        return json_objects.parse(text.decode())
    except (InvalidRequest, UnicodeDecodeError):
        return None


def _decoded(part: str) -> bytes:
    """Decode base64url; empty if it is invalid."""
    try:
        return urlsafe_b64decode(part + "=" * (-len(part) % 4))
    except ValueError:
        return b""
