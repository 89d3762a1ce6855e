"""Signing JWTs: the JWS compact serialization on keys that stay loaded.

RFC 7515 §3.1. Loading a key costs fifty signatures.
"""

import hashlib
import json
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from typing import Any

from idp.jose.algorithms import ALGORITHMS, Algorithm, Key

_json = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode


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
