"""Signatures: their algorithms, and JWTs signed on keys that stay loaded.

RFC 7515 §3.1, RFC 7518 §3, RFC 8037 §3.1. Loading a key costs fifty signatures.

Algorithms sign and verify octets with `cryptography`, written by hand because this is the hottest
piece of cryptography here: a general library triples the price of an elliptic-curve signature, and
takes as long again as one to prepare for verifying it.
"""

import hashlib
import hmac
import json
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import (
    decode_dss_signature,
    encode_dss_signature,
)

PrivateKey = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey
PublicKey = rsa.RSAPublicKey | ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey
#: A signing key: a private key, or the octets of a shared secret.
Key = PrivateKey | bytes

_json = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode


@dataclass(frozen=True)
class Algorithm:
    """How to make a key for an algorithm, sign, verify, and hash beside it (`at_hash`)."""

    name: str
    #: The kind of its keys as JWKs have it (RFC 7518 §6.1), and their curve where they have one.
    kty: str
    crv: str | None
    generate: Callable[[], Any]
    sign: Callable[[Any, bytes], bytes]
    #: Takes a public key or secret, a message and a signature. Raises InvalidSignature.
    verify: Callable[[Any, bytes, bytes], None]
    #: The name of its hash, as hashlib has it.
    hash_name: str

    @property
    def octets(self) -> int:
        """How long its hash is: a shared secret has to be as long at least (RFC 7518 §3.2)."""
        return hashlib.new(self.hash_name).digest_size


_HASHES: dict[int, hashes.HashAlgorithm] = {
    256: hashes.SHA256(),
    384: hashes.SHA384(),
    512: hashes.SHA512(),
}
_CURVES: dict[int, ec.EllipticCurve] = {
    256: ec.SECP256R1(),
    384: ec.SECP384R1(),
    512: ec.SECP521R1(),
}


def _rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def _rs(bits: int) -> Algorithm:
    """RSASSA-PKCS1-v1_5. RFC 7518 §3.3."""
    pkcs1, digest = padding.PKCS1v15(), _HASHES[bits]

    def sign(key: rsa.RSAPrivateKey, message: bytes) -> bytes:
        return key.sign(message, pkcs1, digest)

    def verify(key: rsa.RSAPublicKey, message: bytes, signature: bytes) -> None:
        key.verify(signature, message, pkcs1, digest)

    return Algorithm(f"RS{bits}", "RSA", None, _rsa_key, sign, verify, f"sha{bits}")


def _ps(bits: int) -> Algorithm:
    """RSASSA-PSS, its salt as long as the hash. RFC 7518 §3.5."""
    digest = _HASHES[bits]
    pss = padding.PSS(mgf=padding.MGF1(digest), salt_length=digest.digest_size)

    def sign(key: rsa.RSAPrivateKey, message: bytes) -> bytes:
        return key.sign(message, pss, digest)

    def verify(key: rsa.RSAPublicKey, message: bytes, signature: bytes) -> None:
        key.verify(signature, message, pss, digest)

    return Algorithm(f"PS{bits}", "RSA", None, _rsa_key, sign, verify, f"sha{bits}")


def _es(bits: int) -> Algorithm:
    """ECDSA, its two numbers one after the other at full length. RFC 7518 §3.4."""
    curve, ecdsa = _CURVES[bits], ec.ECDSA(_HASHES[bits])
    length = (curve.key_size + 7) // 8

    def sign(key: ec.EllipticCurvePrivateKey, message: bytes) -> bytes:
        r, s = decode_dss_signature(key.sign(message, ecdsa))
        return r.to_bytes(length, "big") + s.to_bytes(length, "big")

    def verify(key: ec.EllipticCurvePublicKey, message: bytes, signature: bytes) -> None:
        if len(signature) != 2 * length:
            raise InvalidSignature
        r, s = (int.from_bytes(n, "big") for n in (signature[:length], signature[length:]))
        key.verify(encode_dss_signature(r, s), message, ecdsa)

    generate = partial(ec.generate_private_key, curve)
    return Algorithm(f"ES{bits}", "EC", f"P-{curve.key_size}", generate, sign, verify, f"sha{bits}")


def _eddsa() -> Algorithm:
    """Ed25519, which hashes with SHA-512 inside, and so does at_hash beside it. RFC 8037 §3.1."""

    def sign(key: ed25519.Ed25519PrivateKey, message: bytes) -> bytes:
        return key.sign(message)

    def verify(key: ed25519.Ed25519PublicKey, message: bytes, signature: bytes) -> None:
        key.verify(signature, message)

    generate = ed25519.Ed25519PrivateKey.generate
    return Algorithm("EdDSA", "OKP", "Ed25519", generate, sign, verify, "sha512")


def _hs(bits: int) -> Algorithm:
    """HMAC with a shared secret. RFC 7518 §3.2."""

    def sign(key: bytes, message: bytes) -> bytes:
        return hmac.digest(key, message, f"sha{bits}")

    def verify(key: bytes, message: bytes, signature: bytes) -> None:
        if not hmac.compare_digest(sign(key, message), signature):
            raise InvalidSignature

    generate = partial(secrets.token_bytes, bits // 8)
    return Algorithm(f"HS{bits}", "oct", None, generate, sign, verify, f"sha{bits}")


#: The algorithms by name, all that we sign or verify with.
ALGORITHMS = {
    algorithm.name: algorithm
    for algorithm in (
        *map(_rs, _HASHES),
        *map(_ps, _HASHES),
        *map(_es, _HASHES),
        _eddsa(),
        *map(_hs, _HASHES),
    )
}


def base64url(data: bytes) -> str:
    """Return unpadded base64url (RFC 7515 §2)."""
    return urlsafe_b64encode(data).rstrip(b"=").decode()


@dataclass(frozen=True)
class Signer:
    """A loaded key, ready to sign JWTs under its kid; a client's secret has none."""

    kid: str | None
    algorithm: Algorithm
    key: Key = field(repr=False)

    def sign(self, claims: dict[str, Any], typ: str | None = "JWT") -> str:
        """Return the claims as a signed JWT."""
        header = {"alg": self.algorithm.name}
        if self.kid is not None:
            header["kid"] = self.kid
        if typ is not None:
            header["typ"] = typ
        message = (
            f"{base64url(_json(header).encode())}.{base64url(_json(claims).encode())}".encode()
        )
        return f"{message.decode()}.{base64url(self.algorithm.sign(self.key, message))}"

    def half_hash(self, value: str) -> str:
        """Return the left half of the value's hash: `at_hash`, `c_hash` (OIDC Core §3.1.3.6)."""
        digest = hashlib.new(self.algorithm.hash_name, value.encode("ascii")).digest()
        return base64url(digest[: len(digest) // 2])


def signer(kid: str | None, algorithm: str, key: Key) -> Signer:
    """Return a signer for one of ALGORITHMS."""
    return Signer(kid, ALGORITHMS[algorithm], key)
