"""The signature algorithms, in one table. RFC 7518 §3.1, RFC 8037 §3.1."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey


@dataclass(frozen=True)
class Algorithm:
    """How to make a key for an algorithm, sign with it, and hash beside it (`at_hash`)."""

    name: str
    generate: Callable[[], PrivateKey]
    sign: Callable[[Any, bytes], bytes]
    hash: Callable[[bytes], bytes]


def _sign_rs256(key: rsa.RSAPrivateKey, message: bytes) -> bytes:
    return key.sign(message, padding.PKCS1v15(), hashes.SHA256())


def _sign_es256(key: ec.EllipticCurvePrivateKey, message: bytes) -> bytes:
    r, s = decode_dss_signature(key.sign(message, ec.ECDSA(hashes.SHA256())))
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def _sha256(message: bytes) -> bytes:
    return hashlib.sha256(message).digest()


def _sha512(message: bytes) -> bytes:
    return hashlib.sha512(message).digest()


ALGORITHMS = {
    algorithm.name: algorithm
    for algorithm in (
        Algorithm(
            "RS256",
            lambda: rsa.generate_private_key(public_exponent=65537, key_size=2048),
            _sign_rs256,
            _sha256,
        ),
        Algorithm("ES256", lambda: ec.generate_private_key(ec.SECP256R1()), _sign_es256, _sha256),
        # Ed25519 hashes with SHA-512 inside, and so does at_hash beside it.
        Algorithm(
            "EdDSA",
            ed25519.Ed25519PrivateKey.generate,
            lambda key, message: key.sign(message),
            _sha512,
        ),
    )
}
