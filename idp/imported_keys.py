"""Signing keys of a server before this one, imported as retired. RFC 7517, OIDC Core §10.1.

Only the public key is stored, so an imported key can't sign. It is published for a while, for what
its server signed last, and verifies hints for ever (`tokens.id_token.read_hint`).
"""

import json
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any

from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key
from cryptography.x509 import load_pem_x509_certificate
from jwcrypto.jwk import JWK

from idp import policy
from idp.jose.public_keys import problem_with
from idp.jose.signatures import ALGORITHMS
from idp.models import SigningKey

#: The algorithm of a key that names none, by its kind and curve.
_USUAL = {
    ("RSA", None): "RS256",
    ("EC", "P-256"): "ES256",
    ("EC", "P-384"): "ES384",
    ("EC", "P-521"): "ES512",
    ("OKP", "Ed25519"): "EdDSA",
}
_LONGEST_KID, _LONGEST_ISSUER = 43, 300


class UnusableKeyError(ValueError):
    """A key can't be imported; the message is a sentence."""


def read(text: str, *, kid: str = "", algorithm: str = "") -> list[dict[str, Any]]:
    """Return the public JWKs of signing keys: of PEM, a certificate, a JWK or a JWK set.

    `kid` and `algorithm` are of a key that does not say. Without a `kid`, it is the thumbprint
    (RFC 7638), as that of django-oauth-toolkit is. Raises UnusableKeyError.
    """
    if "-----BEGIN" in text:
        return [_public(_jwk_of_pem(text), kid, algorithm)]
    try:
        found = json.loads(text)
    except ValueError:
        raise UnusableKeyError("It is neither PEM nor JSON.") from None
    keys = found.get("keys", [found]) if isinstance(found, dict) else None
    if not isinstance(keys, list) or not all(isinstance(key, dict) for key in keys):
        raise UnusableKeyError("It is no JWK and no JWK set.")
    signing = [key for key in keys if key.get("use", "sig") == "sig"]
    if not signing:
        raise UnusableKeyError("It has no key that signs.")
    return [_public(key, kid, algorithm) for key in signing]


def store(jwks: Iterable[dict[str, Any]], issuer: str, until: datetime, now: datetime) -> list[str]:
    """Store public keys as retired, published until a time; return their key ids.

    `issuer` is that of what they signed. A key that was imported before gets both anew. Raises
    UnusableKeyError for a `kid` of a key of our own.
    """
    if not 0 < len(issuer) <= _LONGEST_ISSUER:
        raise UnusableKeyError("The issuer is missing, or too long.")
    stored = []
    for jwk in jwks:
        row = SigningKey.objects.filter(kid=jwk["kid"]).first()
        if row is not None and not row.imported_from:
            raise UnusableKeyError(f"The key {jwk['kid']} is one of Signet’s own.")
        SigningKey.objects.update_or_create(
            kid=jwk["kid"],
            defaults={"imported_from": issuer, "published_until": until},
            create_defaults={
                "algorithm": jwk["alg"],
                "state": SigningKey.State.RETIRED,
                "public_jwk": jwk,
                "retired_at": now,
                "imported_from": issuer,
                "published_until": until,
            },
        )
        stored.append(jwk["kid"])
    return stored


def _jwk_of_pem(text: str) -> dict[str, Any]:
    """Return the public key in a PEM file that has it, its private key, or a certificate of it."""
    pem = text.strip().encode()
    readers: tuple[Callable[[bytes], Any], ...] = (
        load_pem_public_key,
        lambda data: load_pem_private_key(data, password=None).public_key(),
        lambda data: load_pem_x509_certificate(data).public_key(),
    )
    for reader in readers:
        try:
            jwk: dict[str, Any] = JWK.from_pyca(reader(pem)).export_public(as_dict=True)
        except Exception:  # noqa: BLE001, S112  each raises several, of libraries below it
            continue
        return {name: value for name, value in jwk.items() if name != "kid"}
    raise UnusableKeyError(
        "It is PEM that has neither a key without a passphrase nor a certificate."
    )


def _public(key: dict[str, Any], kid: str, algorithm: str) -> dict[str, Any]:
    """Return the public part of a JWK, with its id, algorithm and use. Raises UnusableKeyError."""
    try:
        public: dict[str, Any] = JWK(**_material(key)).export_public(as_dict=True)
    except Exception:  # noqa: BLE001  jwcrypto lets errors of libraries below it pass
        raise UnusableKeyError("A key cannot be read, or is no public key.") from None
    problem = problem_with(_material(public))
    if problem:
        raise UnusableKeyError(problem)
    name = _algorithm(public, str(key.get("alg") or algorithm))
    found = str(key.get("kid") or kid) or JWK(**_material(public)).thumbprint()
    if len(found) > _LONGEST_KID or not (found.isascii() and found.isprintable()):
        raise UnusableKeyError(f"Its kid is longer than {_LONGEST_KID} characters, or no text.")
    return {**_material(public), "kid": found, "alg": name, "use": "sig"}


def _material(key: dict[str, Any]) -> dict[str, Any]:
    """Return the members that make the key."""
    return {name: key[name] for name in ("kty", "crv", "x", "y", "n", "e") if name in key}


def _algorithm(public: dict[str, Any], named: str) -> str:
    """Return the algorithm that a key signed with. Raises UnusableKeyError for one that can't."""
    name = named or _USUAL.get((public["kty"], public.get("crv")), "")
    algorithm = ALGORITHMS.get(name)
    if algorithm is None or name not in policy.SIGNING_ALGORITHMS:
        raise UnusableKeyError(f"It signs with {name or 'an algorithm'} that is not offered here.")
    if (algorithm.kty, algorithm.crv) != (public["kty"], public.get("crv")):
        raise UnusableKeyError(f"Such a key does not sign with {name}.")
    return name
