"""The server's own keys (`IDP_SECRET_KEYS`): sealing secrets at rest, and keyed hashes.

The first key seals and hashes, all of them open and verify, so a key is replaced by putting a new
one before it. Each purpose has a key of its own, derived from the server's.
"""

import hmac
from base64 import urlsafe_b64encode
from functools import lru_cache

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings


def seal(plaintext: bytes, purpose: str) -> str:
    """Return `plaintext` encrypted and authenticated for one purpose."""
    return _fernet(purpose).encrypt(plaintext).decode()


def unseal(sealed: str, purpose: str, within: int | None = None) -> bytes:
    """Decrypt what `seal` encrypted, in the last `within` seconds if given.

    Raises cryptography.fernet.InvalidToken if no key fits or it was sealed earlier.
    """
    return _fernet(purpose).decrypt(sealed, ttl=within)


def opens(sealed: str, purpose: str) -> bool:
    """Whether one of the keys decrypts what `seal` encrypted."""
    try:
        unseal(sealed, purpose)
    except InvalidToken:
        return False
    return True


def keyed_hash(text: str, purpose: str) -> str:
    """Return the HMAC-SHA-256 of a secret under the newest key, in hex: 64 characters."""
    return keyed_hashes(text, purpose)[0]


def keyed_hashes(text: str, purpose: str) -> tuple[str, ...]:
    """Return a secret's hash under each of the keys, newest first, for lookups."""
    of_text = text.encode()
    return tuple(hmac.digest(key, of_text, "sha256").hex() for key in _derived(purpose))


def matches(text: str, hashed: str, purpose: str) -> bool:
    """Whether a secret has this keyed hash, under any of the keys."""
    of_text = text.encode()
    digests = (hmac.digest(key, of_text, "sha256").hex() for key in _derived(purpose))
    return any(hmac.compare_digest(digest, hashed) for digest in digests)


@lru_cache
def _fernet(purpose: str) -> MultiFernet:
    return MultiFernet([Fernet(urlsafe_b64encode(key)) for key in _derived(purpose)])


@lru_cache
def _derived(purpose: str) -> tuple[bytes, ...]:
    return tuple(
        HKDF(SHA256(), length=32, salt=None, info=f"signet {purpose}".encode()).derive(key.encode())
        for key in settings.IDP_SECRET_KEYS
    )
