"""Hashes that are one text, each kind judged and written as it is stored. All raise ValueError."""

import hashlib
import re

from django.conf import settings

from accounts.foreign_hashes import bounds

_ALTERED = "It is not whole, or not as its software writes it."
_BCRYPT = re.compile(r"\$2[aby]\$(\d\d)\$[./A-Za-z0-9]{53}")
_ARGON2 = re.compile(
    r"\$argon2(?:i|d|id)\$(?:v=(?:16|19)\$)?m=(\d{1,9}),t=(\d{1,9}),p=(\d{1,9})"
    r"\$([A-Za-z0-9+/]+)\$([A-Za-z0-9+/]+)"
)
#: In the PHC form, and in that of passlib and OpenLDAP, where the iterations have no name.
_PBKDF2 = re.compile(
    r"\$pbkdf2(?:-(sha1|sha256|sha512))?\$(?:i=)?(\d{1,9})(?:,l=(\d{1,3}))?"
    r"\$([A-Za-z0-9+/.]*)\$([A-Za-z0-9+/.]+)"
)
_DJANGO_PBKDF2 = re.compile(r"pbkdf2_(sha1|sha256)\$(\d{1,9})\$[^$]+\$([A-Za-z0-9+/]+=*)")
_DJANGO_SCRYPT = re.compile(r"scrypt\$(\d{1,9})\$[^$]+\$(\d{1,4})\$(\d{1,4})\$([A-Za-z0-9+/]+=*)")
_CRYPT = re.compile(
    r"\$(?:5\$(?:rounds=(\d{1,9})\$)?[./0-9A-Za-z]{0,16}\$[./0-9A-Za-z]{43}"
    r"|6\$(?:rounds=(\d{1,9})\$)?[./0-9A-Za-z]{0,16}\$[./0-9A-Za-z]{86})"
)
_MD5_CRYPT = re.compile(r"\$(?:1|apr1)\$[./0-9A-Za-z]{0,8}\$[./0-9A-Za-z]{22}")
_CRYPT_ROUNDS = 5000  # where none are named


def bcrypt(text: str) -> str:
    """Return bcrypt of any software."""
    bounds.bcrypt(int(_parts(_BCRYPT, text)[0]))
    return f"bcrypt${text}"


def django_bcrypt(text: str) -> str:
    """Return bcrypt in Django's form, of the password or of its SHA-256."""
    algorithm, _, data = text.partition("$")
    bcrypt(data)
    return f"{algorithm}${data}"


def argon2(text: str) -> str:
    """Return Argon2 in the PHC form."""
    *costs, salt, key = _parts(_ARGON2, text)
    bounds.argon2(*map(int, costs))
    bounds.decoded_hash(key)
    if len(bounds.decoded(salt, "salt")) < 8:
        raise ValueError("Its salt is shorter than 8 bytes.")
    return f"argon2{text}"


def django_argon2(text: str) -> str:
    """Return Argon2 in Django's form."""
    return argon2(text.removeprefix("argon2"))


def phc_pbkdf2(text: str) -> str:
    """Return PBKDF2 in the form of PHC or of passlib, whose name without a digest is SHA-1."""
    digest, iterations, length, salt, key = _parts(_PBKDF2, text)
    if length is not None and int(length) != len(bounds.decoded_hash(key)):
        raise ValueError(_ALTERED)
    return pbkdf2(digest or "sha1", int(iterations), salt, key)


def pbkdf2(digest: str, iterations: int, salt: str, key: str) -> str:
    """Return PBKDF2 of these parameters; salt and derived key are base64."""
    wanted = bounds.decoded_hash(key)
    bounds.pbkdf2(iterations, len(wanted), hashlib.new(digest).digest_size)
    parts = bounds.encoded(bounds.decoded(salt, "salt")), bounds.encoded(wanted)
    return "$".join(("pbkdf2", digest, str(iterations), *parts))


def django_pbkdf2(text: str) -> str:
    """Return PBKDF2 in Django's form."""
    digest, iterations, key = _parts(_DJANGO_PBKDF2, text)
    size = hashlib.new(digest).digest_size
    if len(bounds.decoded_hash(key)) != size:
        raise ValueError(_ALTERED)
    bounds.pbkdf2(int(iterations), size, size)
    return text


def django_scrypt(text: str) -> str:
    """Return scrypt in Django's form."""
    n, r, p, key = _parts(_DJANGO_SCRYPT, text)
    bounds.scrypt(int(n), int(r), int(p))
    bounds.decoded_hash(key)
    return text


def sha_crypt(text: str) -> str:
    """Return crypt(3) with SHA-256 or SHA-512."""
    rounds = next((part for part in _parts(_CRYPT, text) if part), _CRYPT_ROUNDS)
    bounds.crypt(int(rounds))
    return f"crypt${text}"


def md5_crypt(text: str) -> str:
    """Return crypt(3) with MD5, or Apache's, if the operator has allowed them."""
    _parts(_MD5_CRYPT, text)
    if not settings.IDP_ALLOW_MD5_CRYPT:
        raise ValueError(
            "It is of MD5, which is quickly guessed. Set IDP_ALLOW_MD5_CRYPT to take it until its "
            "user signs in, or let them choose a new password."
        )
    return f"crypt${text}"


def salted_digest(scheme: str, text: str) -> str:
    """Return a digest and salt of an LDAP directory; `scheme` is its name, such as `ssha256`."""
    digest = hashlib.new(f"sha{scheme.removeprefix('ssha') or '1'}")
    data = bounds.decoded(text, "hash")
    key, salt = data[: digest.digest_size], data[digest.digest_size :]
    if len(key) < digest.digest_size or not salt:
        raise ValueError(_ALTERED)
    return "$".join(("salted_digest", digest.name, bounds.encoded(salt), bounds.encoded(key)))


def _parts(pattern: re.Pattern[str], text: str) -> tuple[str, ...]:
    found = pattern.fullmatch(text)
    if found is None:
        raise ValueError(_ALTERED)
    return found.groups()
