"""What verifying a hash may cost: about five seconds of a processor, and 256 MiB.

The author of a hash chooses its cost, and each sign-in attempt with that user's address causes
it. What costs more is refused before it is stored.
"""

import base64
import binascii

#: 2 ** 15 rounds.
_BCRYPT_COST = 15
#: Of HMAC with SHA-1 or SHA-256, over all blocks of the derived key; those with SHA-512 cost twice
#: as much. Keycloak's default for SHA-1 are 5,200,000.
_PBKDF2_CALLS = 6_000_000
_SCRYPT_BYTES = 256 * 2**20
#: Of 128 bytes, over all passes.
_SCRYPT_BLOCKS = 2**22
_ARGON2_KIB = 256 * 1024
_ARGON2_KIB_OF_ALL_PASSES = 2 * 2**20
_ARGON2_LANES = 64
_CRYPT_ROUNDS = range(1000, 1_000_001)
#: Bytes of a salt or a hash.
_MOST_BYTES = 128
_FEWEST_BYTES_OF_HASH = 16


def bcrypt(cost: int) -> None:
    """Raise ValueError for a cost (the power of two of the rounds) beyond bounds."""
    if not 4 <= cost <= _BCRYPT_COST:
        raise ValueError(f"Its cost is {cost}; it has to be from 4 to {_BCRYPT_COST}.")


def pbkdf2(iterations: int, key_bytes: int, digest_bytes: int) -> None:
    """Raise ValueError for iterations beyond bounds. A long key costs them several times."""
    blocks = -(-key_bytes // digest_bytes)
    most = _PBKDF2_CALLS // (2 if digest_bytes > 32 else 1)
    if not 1 <= iterations * blocks <= most:
        raise ValueError(
            f"It has {iterations} iterations for each of {blocks} blocks of its key, which has to "
            f"be from 1 to {most} together."
        )


def scrypt(n: int, r: int, p: int) -> None:
    """Raise ValueError for parameters beyond bounds. RFC 7914 §2."""
    if n < 2 or n & (n - 1) or min(r, p) < 1:
        raise ValueError("The scrypt parameter N is no power of two, or r or p is less than 1.")
    if 128 * n * r > _SCRYPT_BYTES or n * r * p > _SCRYPT_BLOCKS:
        raise ValueError(f"Its scrypt parameters N={n}, r={r}, p={p} cost too much.")


def argon2(memory_kib: int, passes: int, lanes: int) -> None:
    """Raise ValueError for parameters beyond bounds. RFC 9106 §3.1."""
    if min(memory_kib, passes, lanes) < 1 or memory_kib < 8 * lanes:
        raise ValueError("Its Argon2 parameters are out of range.")
    if (
        memory_kib > _ARGON2_KIB
        or memory_kib * passes > _ARGON2_KIB_OF_ALL_PASSES
        or lanes > _ARGON2_LANES
    ):
        raise ValueError(
            f"Its Argon2 parameters m={memory_kib}, t={passes}, p={lanes} cost too much."
        )


def crypt(rounds: int) -> None:
    """Raise ValueError for rounds beyond bounds."""
    if rounds not in _CRYPT_ROUNDS:
        raise ValueError(
            f"It has {rounds} rounds, which has to be from {_CRYPT_ROUNDS.start} to "
            f"{_CRYPT_ROUNDS.stop - 1}."
        )


def decoded(text: str, what: str) -> bytes:
    """Return the bytes of a base64 text, in either alphabet, with or without its padding.

    Raises ValueError naming what it is.
    """
    plain = text.rstrip("=").translate(str.maketrans("-_.", "+/+"))
    try:
        found = base64.b64decode(plain + "=" * (-len(plain) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise ValueError(f"Its {what} is not base64.") from None
    if len(found) > _MOST_BYTES:
        raise ValueError(f"Its {what} is longer than {_MOST_BYTES} bytes.")
    return found


def decoded_hash(text: str) -> bytes:
    """Return the bytes of a base64 hash. Raises ValueError, also for one that is too short."""
    found = decoded(text, "hash")
    if len(found) < _FEWEST_BYTES_OF_HASH:
        raise ValueError(f"Its hash is shorter than {_FEWEST_BYTES_OF_HASH} bytes.")
    return found


def encoded(data: bytes) -> str:
    """Return bytes as base64."""
    return base64.b64encode(data).decode()
