"""Django hashers that verify hashes of other software. The first success replaces each.

A hash is stored as `algorithm$…`; Django finds the hasher by that name (settings,
PASSWORD_HASHERS). None of them makes a hash of a new password.
"""

import base64
import hashlib
import hmac
from typing import Any

import bcrypt
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from django.contrib.auth.hashers import (
    BasePasswordHasher,
    BCryptSHA256PasswordHasher,
    PBKDF2SHA1PasswordHasher,
    ScryptPasswordHasher,
)
from passlib.hash import apr_md5_crypt, md5_crypt, sha256_crypt, sha512_crypt

from accounts.hashing import AsItWasSent

_BCRYPT_READS = 72  # bytes of a password; the others don't matter
_MEMORY = 2**30  # for OpenSSL, whose own limit is 32 MiB
_CRYPT: dict[str, Any] = {
    "1": md5_crypt,
    "apr1": apr_md5_crypt,
    "5": sha256_crypt,
    "6": sha512_crypt,
}


class PBKDF2SHA1(AsItWasSent, PBKDF2SHA1PasswordHasher):
    """PBKDF2 with SHA-1 in Django's form."""


class Scrypt(AsItWasSent, ScryptPasswordHasher):
    """Scrypt in Django's form."""


class BCryptSHA256(AsItWasSent, BCryptSHA256PasswordHasher):
    """bcrypt of the SHA-256 of the password, as Django has it."""


class _Foreign(AsItWasSent, BasePasswordHasher):
    """A hasher of ours for the hashes of other software."""

    algorithm: str

    def encode(self, password: str, salt: str) -> str:
        """Refuse: new hashes are Argon2."""
        raise NotImplementedError(f"{self.algorithm} is for hashes of other software only.")

    def safe_summary(self, encoded: str) -> dict[Any, Any]:  # noqa: ARG002
        """Return what may be shown of a hash: its algorithm."""
        return {"algorithm": self.algorithm}

    def is_of(self, password: str, encoded: str) -> bool:
        """Whether a hash is that of this password, spelled like this."""
        if "\0" in password:  # where others end it
            return False
        return self._is_of(password.encode(), encoded.partition("$")[2])

    def _is_of(self, password: bytes, data: str) -> bool:
        raise NotImplementedError


class BCrypt(_Foreign):
    """bcrypt: `bcrypt$$2b$12$…`, as Django stores it."""

    algorithm = "bcrypt"

    def _is_of(self, password: bytes, data: str) -> bool:
        return bcrypt.checkpw(password[:_BCRYPT_READS], data.encode())


class PBKDF2(_Foreign):
    """PBKDF2 with any of three digests, and keys of any length: `pbkdf2$sha512$210000$salt$key`.

    Salt and key are base64. RFC 8018 §5.2.
    """

    algorithm = "pbkdf2"

    def _is_of(self, password: bytes, data: str) -> bool:
        digest, iterations, salt, key = data.split("$")
        wanted = base64.b64decode(key)
        found = hashlib.pbkdf2_hmac(
            digest, password, base64.b64decode(salt), int(iterations), len(wanted)
        )
        return hmac.compare_digest(found, wanted)


class FirebaseScrypt(_Foreign):
    """Firebase's scrypt: `firebase_scrypt$mem_cost$rounds$separator$signer_key$salt$hash`.

    The key that scrypt derives encrypts the project's signer key, which is the hash.
    """

    algorithm = "firebase_scrypt"

    def _is_of(self, password: bytes, data: str) -> bool:
        mem_cost, rounds, *texts = data.split("$")
        separator, signer_key, salt, wanted = map(base64.b64decode, texts)
        key = hashlib.scrypt(
            password,
            salt=salt + separator,
            n=2 ** int(mem_cost),
            r=int(rounds),
            p=1,
            maxmem=_MEMORY,
            dklen=32,
        )
        cipher = Cipher(algorithms.AES(key), modes.CTR(bytes(16))).encryptor()
        return hmac.compare_digest(cipher.update(signer_key) + cipher.finalize(), wanted)


class SaltedDigest(_Foreign):
    """A digest of password and salt, as LDAP directories have it: `salted_digest$sha1$salt$hash`.

    RFC 2307 §5.3 has the name of the attribute; OpenLDAP the schemes SSHA, SSHA256 and so on.
    """

    algorithm = "salted_digest"

    def _is_of(self, password: bytes, data: str) -> bool:
        digest, salt, wanted = data.split("$")
        found = hashlib.new(digest, password + base64.b64decode(salt), usedforsecurity=False)
        return hmac.compare_digest(found.digest(), base64.b64decode(wanted))


class Crypt(_Foreign):
    """crypt(3) with SHA-512, SHA-256 or MD5: `crypt$$6$salt$…`."""

    algorithm = "crypt"

    def _is_of(self, password: bytes, data: str) -> bool:
        return bool(_CRYPT[data.split("$")[1]].verify(password, data))
