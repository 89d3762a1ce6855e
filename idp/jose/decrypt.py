"""Decrypt JWEs that were encrypted to us: compact serialization (RFC 7516 §3.1), by jwcrypto.

Only the algorithms passed in are used: no password-based keys, no compression.
"""

from collections.abc import Callable, Collection, Mapping
from typing import Any

from cryptography.exceptions import InvalidKey, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwcrypto.common import JWException
from jwcrypto.jwe import JWE
from jwcrypto.jwk import JWK

from idp.jose.verify import MAX_CHARACTERS, is_encrypted
from idp.protocol import json_objects
from idp.protocol.errors import InvalidRequest

#: How to make a key for each algorithm (RFC 7518 §4.3, §4.6).
GENERATORS: dict[str, Callable[[], rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey]] = {
    "RSA-OAEP-256": lambda: rsa.generate_private_key(public_exponent=65537, key_size=2048),
    "ECDH-ES": lambda: ec.generate_private_key(ec.SECP256R1()),
}


def decrypted(jwe: str, keys: Mapping[str, JWK], *, alg: str, encs: Collection[str]) -> str | None:
    """Return the content of a JWE that was encrypted by `alg` to one of `keys`, by kid, or None.

    RFC 8725 §3.1: only with this `alg`, and one of `encs`. A JWE without a kid is tried with each
    key.
    """
    header = header_of_jwe(jwe)
    if header is None or header.get("alg") != alg or header.get("enc") not in encs:
        return None
    kid = header.get("kid")
    tried = list(keys.values()) if kid is None else [keys[kid]] if kid in keys else []
    for key in tried:
        opened = JWE(algs=[alg, header["enc"]])
        try:
            opened.deserialize(jwe, key)
            text: str = opened.payload.decode()
        except (JWException, InvalidKey, UnsupportedAlgorithm, ValueError, TypeError):
            continue
        return text
    return None


def header_of_jwe(jwe: str) -> dict[str, Any] | None:
    """Return the header of a JWE, or None if it requires something unsupported."""
    if len(jwe) > MAX_CHARACTERS or not is_encrypted(jwe):
        return None
    try:
        token = JWE()
        token.deserialize(jwe)
        header = json_objects.parse(token.objects["protected"])
    except (JWException, InvalidRequest, ValueError, TypeError, KeyError):
        return None
    strange = {"zip", "crit", "p2s", "p2c"} & header.keys()
    return header if not strange and isinstance(header.get("kid", ""), str) else None
