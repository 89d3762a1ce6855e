"""Logins: one for each issuer, in a file of its own, and which issuer is the default.

A file has mode 0600. It is sealed (AES-GCM) with a key in the system's keyring, or it is plain:
where the user asked for that, or where there is no keyring.
"""

import hashlib
import json
import os
import secrets
import sys
from base64 import b64decode, b64encode
from collections.abc import Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from signet_client import keyrings
from signet_client.locking import locked
from signet_client.problems import NotSignedInError, Problem, printable
from signet_client.tokens import AccessToken

KEYRING, FILE = "keyring", "file"
_NONCE = 12


def purpose(scope: str, resources: Sequence[str]) -> str:
    """Return the name under which the access token for these is stored."""
    return f"{' '.join(sorted(scope.split()))}|{' '.join(sorted(resources))}"


#: The access token of the sign-in: all that the user agreed to.
WHOLE = purpose("", ())


@dataclass
class Login:
    """What a sign-in at an issuer gave, and how to get more."""

    issuer: str
    client_id: str
    scope: str
    resources: list[str]
    #: The claims of the ID token: who signed in.
    claims: dict[str, Any]
    refresh_token: str | None = None
    id_token: str | None = None
    #: By what they were asked for (`purpose`).
    access_tokens: dict[str, AccessToken] = field(default_factory=dict)
    #: Where its secrets are: KEYRING or FILE.
    storage: str = FILE
    #: The registration of its client, if it registered itself: address and token. RFC 7592 §3.
    registration: dict[str, str] | None = None


def folder() -> Path:
    """Return the folder of logins. Raises Problem for a user without a home."""
    if own := os.environ.get("SIGNET_HOME"):
        return Path(own)
    try:
        if sys.platform == "win32":
            return Path(os.environ.get("APPDATA") or Path.home()) / "signet"
        return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "signet"
    except RuntimeError:
        raise Problem("You have no home folder: set SIGNET_HOME to a folder for logins.") from None


def _made_folder() -> Path:
    """Return the folder of logins; made, for the user alone."""
    path = folder()
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise Problem(f"The folder {path} cannot be made: {error.strerror}.") from error
    return path


def lock(issuer: str) -> AbstractContextManager[None]:
    """Return the lock under which the login at an issuer is changed."""
    return locked(_made_folder() / _path(issuer).with_suffix(".lock").name)


def load(issuer: str) -> Login:
    """Return the login at an issuer. Raises NotSignedInError, and Problem if it can't be opened."""
    stored = _stored(issuer)
    if stored is None:
        raise NotSignedInError(f"You are not signed in at {issuer}. Run: signet login {issuer}")
    is_sealed = stored["storage"] == KEYRING
    members = _opened(issuer, stored["sealed"]) if is_sealed else stored["login"]
    tokens = {what: AccessToken(**each) for what, each in members.pop("access_tokens").items()}
    return Login(**members, access_tokens=tokens)


def find(issuer: str) -> Login | None:
    """Return the login at an issuer, or None if there is none, or none that can be opened."""
    try:
        return load(issuer)
    except Problem:
        return None


def prepare(issuer: str, storage: str) -> None:
    """Make sure that a login can be stored, before anybody signs in for nothing. Raises Problem."""
    _made_folder()
    if storage == KEYRING and keyrings.key_of(issuer) is None:
        keyrings.new_key(issuer)


def save(login: Login) -> None:
    """Store a login in the place of the one before. Raises Problem."""
    members = asdict(login)
    about: dict[str, Any] = {
        "issuer": login.issuer,
        "client_id": login.client_id,
        "storage": login.storage,
    }
    if login.storage == KEYRING:
        about["sealed"] = _sealed(login.issuer, members)
    else:
        about["login"] = members
    _write(_path(login.issuer), json.dumps(about))


def delete(issuer: str) -> None:
    """Delete the login at an issuer, and its key."""
    stored = _stored(issuer)
    _path(issuer).unlink(missing_ok=True)
    if default_issuer() == issuer:
        (folder() / "default").unlink(missing_ok=True)
    if stored is not None and stored["storage"] == KEYRING:
        keyrings.delete_key(issuer)


def known_issuers() -> list[str]:
    """Return the issuers at which there are logins."""
    found = []
    for path in sorted(folder().glob("*.json")):
        with suppress(OSError, ValueError, KeyError, TypeError):
            found.append(str(json.loads(path.read_text(encoding="utf-8"))["issuer"]))
    return found


def default_issuer() -> str | None:
    """Return the issuer that commands mean when they name none."""
    try:
        return (folder() / "default").read_text(encoding="utf-8").strip() or None
    except FileNotFoundError:
        return None


def make_default(issuer: str) -> None:
    """Let commands mean this issuer when they name none."""
    _write(folder() / "default", f"{issuer}\n")


def matching(address: str) -> str:
    """Return the issuer of a login by its address, which may lack a slash at its end."""
    known = [each for each in known_issuers() if each.rstrip("/") == address.rstrip("/")]
    return known[0] if known else address


def _path(issuer: str) -> Path:
    return folder() / f"{hashlib.sha256(issuer.encode()).hexdigest()[:20]}.json"


def _stored(issuer: str) -> dict[str, Any] | None:
    path = _path(issuer)
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        if stored["issuer"] == issuer and stored["storage"] in {KEYRING, FILE}:
            return dict(stored)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Problem(f"{path} cannot be read: {printable(error)}. Sign in again.") from error
    raise Problem(f"{path} is not a login at {issuer}. Sign in again.")


def _sealed(issuer: str, members: dict[str, Any]) -> str:
    """Return a login, sealed for this issuer with its key from the keyring."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    key = keyrings.key_of(issuer) or keyrings.new_key(issuer)
    nonce = secrets.token_bytes(_NONCE)
    sealed = AESGCM(key).encrypt(nonce, json.dumps(members).encode(), issuer.encode())
    return b64encode(nonce + sealed).decode()


def _opened(issuer: str, sealed: str) -> dict[str, Any]:
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    key, value = keyrings.key_of(issuer), b64decode(sealed)
    try:
        if key is not None:
            opened = AESGCM(key).decrypt(value[:_NONCE], value[_NONCE:], issuer.encode())
            return dict(json.loads(opened))
    except (InvalidTag, ValueError):
        pass
    raise NotSignedInError(
        f"The keyring does not have the key to your login at {issuer}. Run: signet login {issuer}"
    )


def _write(path: Path, text: str) -> None:
    """Replace a file at once by one that only the user can read."""
    _made_folder()
    temporary = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise Problem(f"{path} cannot be written: {error.strerror}.") from error
