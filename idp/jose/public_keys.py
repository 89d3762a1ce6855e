"""Validate others' JWK sets. RFC 7517 §4, §5."""

from base64 import b64decode
from typing import Any

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from django.utils.translation import gettext as _
from jwcrypto.common import JWException
from jwcrypto.jwk import JWK

#: How many keys a set may have.
MOST_KEYS = 20
_KINDS = ("RSA", "EC", "OKP")
#: Members that only a private or shared key has (RFC 7518 §6.2.2, §6.3.2, §6.4.1).
PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_RSA_BITS = range(2048, 8193)
#: A larger exponent only makes verifying slow.
_LARGEST_EXPONENT = 2**32


def problem_with(key: Any) -> str | None:
    """Return the problem of a JWK as another party's public key, or None."""
    if not isinstance(key, dict):
        return _("A key has to be a JSON object.")
    if not PRIVATE.isdisjoint(key):
        return _("A key has private members; only its public part may be registered.")
    if key.get("kty") not in _KINDS:
        return _("A key's kty has to be one of %(kinds)s.") % {"kinds": ", ".join(_KINDS)}
    if not all(isinstance(key.get(name, ""), str) for name in ("kid", "alg", "use")):
        return _("A key's kid, alg and use have to be texts.")
    try:
        # Its use says nothing about whether it is a key.
        jwk = JWK(**{name: key[name] for name in key.keys() - {"use", "key_ops", "alg"}})
        # X25519 can't verify; parsing is the only test.
        public = None if key["kty"] == "OKP" else jwk.get_op_key("verify")
        jwk.thumbprint()
    except (JWException, ValueError, TypeError, OverflowError, AttributeError):
        return _("A key cannot be read.")
    if isinstance(public, RSAPublicKey):
        if public.key_size not in _RSA_BITS:
            return _("An RSA key has to have 2048 to 8192 bits.")
        if public.public_numbers().e > _LARGEST_EXPONENT:
            return _("An RSA key's exponent is too large.")
    return None


def certificate_of(key: dict[str, Any]) -> bytes:
    """Return the certificate of a JWK that has one: the first of its `x5c`, in DER; else nothing.

    RFC 7517 §4.7.
    """
    chain = key.get("x5c")
    first = chain[0] if isinstance(chain, list) and chain else None
    try:
        return b64decode(first, validate=True) if isinstance(first, str) else b""
    except ValueError:
        return b""


def problem_with_set(jwks: Any) -> str | None:
    """Return the problem of a JWK set that a client registers, or None."""
    keys = jwks.get("keys") if isinstance(jwks, dict) else None
    if not isinstance(keys, list) or not keys:
        return _("This has to be a JWK set: an object with a list of keys.")
    if len(keys) > MOST_KEYS:
        return _("A set may have %(most)d keys.") % {"most": MOST_KEYS}
    return next((problem for key in keys if (problem := problem_with(key))), None)


def usable(jwks: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the keys of a fetched set that can be used; others are ignored (RFC 7517 §5)."""
    keys = jwks.get("keys")
    first = keys[:MOST_KEYS] if isinstance(keys, list) else []
    return [key for key in first if problem_with(key) is None]
