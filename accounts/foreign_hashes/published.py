"""Which kind of hash a text is, by how it begins."""

import re
from collections.abc import Callable

from accounts.foreign_hashes import forms
from accounts.foreign_hashes.documents import document

#: The length of the column.
_LONGEST = 512
_SCHEME = re.compile(r"\{([\w-]+)\}(.*)", re.DOTALL)
_SALTED = frozenset({"ssha", "ssha256", "ssha384", "ssha512"})
#: The schemes before what crypt(3) and others write, which says by itself what it is.
_WRAPPED = frozenset(
    {
        *("crypt", "bcrypt", "blf-crypt", "sha256-crypt", "sha512-crypt", "md5-crypt"),
        *("argon2", "argon2i", "argon2d", "argon2id"),
    }
)
_KINDS: tuple[tuple[str, Callable[[str], str]], ...] = (
    ("$2a$", forms.bcrypt),
    ("$2b$", forms.bcrypt),
    ("$2y$", forms.bcrypt),
    ("bcrypt$$", forms.django_bcrypt),
    ("bcrypt_sha256$$", forms.django_bcrypt),
    ("$argon2", forms.argon2),
    ("argon2$", forms.django_argon2),
    ("$pbkdf2", forms.phc_pbkdf2),
    ("pbkdf2_sha1$", forms.django_pbkdf2),
    ("pbkdf2_sha256$", forms.django_pbkdf2),
    ("scrypt$", forms.django_scrypt),
    ("$5$", forms.sha_crypt),
    ("$6$", forms.sha_crypt),
    ("$1$", forms.md5_crypt),
    ("$apr1$", forms.md5_crypt),
)
_WEAK = re.compile(
    r"(?:\$[PH]\$|md5\$|sha1\$|\{(?:MD5|SMD5|SHA|CLEARTEXT|PLAIN)\}|[0-9a-f]{32,128}\Z)",
    re.IGNORECASE,
)


def stored_form(text: str) -> str:
    """Return a hash that other software made as `User.password` has it. Raises ValueError.

    The message says in a sentence for operators why it can't be taken, without the hash. Known are
    bcrypt; bcrypt of SHA-256, Argon2, PBKDF2 and scrypt as Django writes them; Argon2 and PBKDF2 in
    the PHC form; PBKDF2 of passlib and OpenLDAP; SSHA; crypt(3) with SHA-256, SHA-512 and, if
    allowed, MD5; and as JSON, credentials of Keycloak and users of Firebase (`documents`).
    """
    text = text.strip()
    found = _judged(text)
    if len(found) > _LONGEST:
        raise ValueError("It is too long.")
    return found


def _judged(text: str) -> str:
    if text.startswith("{") and (scheme := _SCHEME.fullmatch(text)):
        return _of_scheme(scheme[1].lower(), scheme[2])
    if text.startswith("{"):
        return document(text)
    for beginning, judged in _KINDS:
        if text.startswith(beginning):
            return judged(text)
    return _refused(text)


def _of_scheme(scheme: str, rest: str) -> str:
    """Return a hash with the name of its scheme in braces, as in LDAP directories and Dovecot."""
    if scheme in _SALTED:
        return forms.salted_digest(scheme, rest)
    if scheme in _WRAPPED and rest.startswith("$"):
        return _judged(rest)
    if scheme.startswith("pbkdf2") and not rest.startswith("$"):
        return forms.phc_pbkdf2(f"${scheme}${rest}")
    return _refused(f"{{{scheme}}}")


def _refused(text: str) -> str:
    if _WEAK.match(text):
        raise ValueError("It has no salt, or is of MD5 or a single SHA-1: it is quickly guessed.")
    raise ValueError(
        "It is no hash of a known kind: bcrypt, Argon2, PBKDF2, scrypt, SSHA, or crypt(3) with "
        "SHA-256 or SHA-512."
    )
