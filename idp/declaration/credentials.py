"""The password of a user, as a file declares it: the password, or its hash of another software."""

import re
from typing import Any

from django.core.exceptions import ValidationError

from accounts import foreign_hashes
from accounts.password_rules import refuse_unusable
from idp.declaration.members import DeclarationError, secret_of

#: Password hashes as Django, crypt(3), LDAP directories and the PHC string format write them.
_HASH = re.compile(
    r"""(?: (?:argon2\w*|bcrypt(?:_sha256)?|md5|pbkdf2_sha\d+|scrypt|sha\d+)\$.*\$
        | \$(?:1|2[abxy]?|5|6|7|y|gy|apr1|argon2(?:d|id?)|pbkdf2[\w-]*|scrypt|P|H|S)\$
        | \{(?:(?:S?MD5|S?SHA\d*|PBKDF2[\w-]*|ARGON2\w*|BCRYPT|CRYPT)|[\w-]+-CRYPT)\}
    )""",
    re.VERBOSE | re.IGNORECASE,
)


class StoredHash(str):
    """A hash in the form in which it is stored, which `hash_of` does not judge again."""

    __slots__ = ()


def password_of(what: str, entry: dict[str, Any]) -> str | None:
    """Return the declared password, or None. Its strength is not judged.

    Raises DeclarationError for one that can't be typed, and for a hash.
    """
    password = secret_of(what, entry, "password")
    if password is None:
        return None
    if password == "":
        raise DeclarationError(f"{what}: password is empty; leave it out for none.")
    if _HASH.match(password):
        raise DeclarationError(
            f"{what}: password looks like a hash. Write it as password_hash, or write the password "
            "itself, or leave it out and let the user choose one by email."
        )
    try:
        refuse_unusable(password)
    except ValidationError as problem:
        raise DeclarationError(f"{what}: password: {problem.messages[0]}") from None
    return password


def hash_of(what: str, entry: dict[str, Any]) -> StoredHash | None:
    """Return the declared hash as a StoredHash, or None. Raises DeclarationError."""
    text = secret_of(what, entry, "password_hash")
    if text is None:
        return None
    if entry.get("password") is not None:
        raise DeclarationError(f"{what}: password_hash: Declare this or the password, not both.")
    if isinstance(text, StoredHash):
        return text
    try:
        return StoredHash(foreign_hashes.stored_form(text))
    except ValueError as problem:
        raise DeclarationError(f"{what}: password_hash: {problem}") from None
