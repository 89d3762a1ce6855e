"""Validate public keys of passkeys: the offered algorithms, and sound keys of them.

WebAuthn Level 3 §5.8.5, §7.1; COSE keys as in RFC 9052 §7, RFC 9053 §7, RFC 8230 §4.
"""

from collections.abc import Callable
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    EllipticCurvePublicNumbers,
)
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers
from fido2.cose import ES256, RS256, CoseKey, EdDSA
from fido2.webauthn import PublicKeyCredentialParameters, PublicKeyCredentialType

#: Names of a COSE key's members.
_KEY_TYPE, _ALGORITHM, _CURVE, _X, _Y = 1, 3, -1, -2, -3
_RSA_N, _RSA_E = -1, -2
_OCTET_KEY_PAIR, _ELLIPTIC_CURVE, _RSA = 1, 2, 3
_P_256, _ED25519 = 1, 6
_BYTES = 32
_RSA_BITS = range(2048, 8193)
#: Of the curve of Ed25519 (RFC 8032 §5.1): the field's prime, and d.
_PRIME = 2**255 - 19
_D = -121665 * pow(121666, -1, _PRIME) % _PRIME


def refuse_unsound(key: CoseKey) -> None:
    """Raise ValueError for a key that is invalid or of an algorithm that is not offered.

    A point off its curve leaks secrets of the party that computes with it, or never verifies.
    """
    check = _CHECKS.get(key.get(_ALGORITHM))
    if check is None:
        raise ValueError("An algorithm that was not offered.")
    check(key)


def _p_256(key: CoseKey) -> None:
    _require(key, {_KEY_TYPE: _ELLIPTIC_CURVE, _CURVE: _P_256})
    x, y = _coordinate(key, _X), _coordinate(key, _Y)
    numbers = EllipticCurvePublicNumbers(
        int.from_bytes(x, "big"), int.from_bytes(y, "big"), SECP256R1()
    )
    numbers.public_key()  # which is only made of a point on the curve


def _ed25519(key: CoseKey) -> None:
    """RFC 8032 §5.1.3: x² = (y² - 1) / (d y² + 1) has to be a square, other than 0."""
    _require(key, {_KEY_TYPE: _OCTET_KEY_PAIR, _CURVE: _ED25519})
    y = int.from_bytes(_coordinate(key, _X), "little") & (2**255 - 1)
    square = (y * y - 1) * pow(_D * y * y + 1, -1, _PRIME) % _PRIME
    if y >= _PRIME or square == 0 or pow(square, (_PRIME - 1) // 2, _PRIME) != 1:
        raise ValueError("Not a point of the curve.")


def _rsa(key: CoseKey) -> None:
    _require(key, {_KEY_TYPE: _RSA})
    n, e = int.from_bytes(key[_RSA_N], "big"), int.from_bytes(key[_RSA_E], "big")
    if n.bit_length() not in _RSA_BITS:
        raise ValueError("An RSA key too small or too large.")
    RSAPublicNumbers(e, n).public_key()


def _require(key: CoseKey, members: dict[int, int]) -> None:
    if any(key.get(name) != value for name, value in members.items()):
        raise ValueError("A key of another kind than its algorithm's.")


def _coordinate(key: CoseKey, name: int) -> bytes:
    value: Any = key.get(name)
    if not isinstance(value, bytes) or len(value) != _BYTES:
        raise ValueError("A coordinate of another length.")
    return value


_CHECKS: dict[object, Callable[[CoseKey], None]] = {
    ES256.ALGORITHM: _p_256,
    EdDSA.ALGORITHM: _ed25519,
    RS256.ALGORITHM: _rsa,
}
#: Algorithms in creation options, in this order, as WebAuthn §5.8.5 recommends.
OFFERED = [
    PublicKeyCredentialParameters(type=PublicKeyCredentialType.PUBLIC_KEY, alg=algorithm)
    for algorithm in (ES256.ALGORITHM, EdDSA.ALGORITHM, RS256.ALGORITHM)
]
