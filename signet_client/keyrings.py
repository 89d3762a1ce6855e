"""The keyring of the system has the keys that seal the files of logins.

A key is short, which every keyring takes; that of Windows takes no long tokens.
"""

from base64 import b64decode, b64encode
from types import ModuleType

from signet_client.problems import Problem, printable

#: The name under which the keyring shows our keys.
_SERVICE = "signet"
#: Backends below this store in plain text or not at all, by the documentation of `keyring`.
_RECOMMENDED = 1


def is_there() -> bool:
    """Whether this machine has a keyring that can be recommended."""
    keyring = _module()
    return keyring is not None and keyring.get_keyring().priority >= _RECOMMENDED


def why_not() -> str:
    """Return why there is no keyring, as a sentence."""
    if _module() is None:
        return "the Python package keyring is not installed (pip install 'signet[keyring]')."
    return "this machine has none that Python can open."


def new_key(issuer: str) -> bytes:
    """Make a key for the login at an issuer, store it, and return it. Raises Problem."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    key = AESGCM.generate_key(256)
    keyring = _needed()
    try:
        keyring.set_password(_SERVICE, issuer, b64encode(key).decode())
    except keyring.errors.KeyringError as error:
        raise _unusable(error) from error
    return key


def key_of(issuer: str) -> bytes | None:
    """Return the key of the login at an issuer, or None if the keyring has none. Raises Problem."""
    keyring = _needed()
    try:
        stored = keyring.get_password(_SERVICE, issuer)
    except keyring.errors.KeyringError as error:
        raise _unusable(error) from error
    return b64decode(stored) if stored else None


def delete_key(issuer: str) -> None:
    """Delete the key of the login at an issuer, if there is one. Raises Problem."""
    keyring = _needed()
    try:
        keyring.delete_password(_SERVICE, issuer)
    except keyring.errors.PasswordDeleteError:
        return
    except keyring.errors.KeyringError as error:
        raise _unusable(error) from error


def _module() -> ModuleType | None:
    try:
        import keyring
        import keyring.errors
    except ImportError:
        return None
    module: ModuleType = keyring
    return module


def _needed() -> ModuleType:
    keyring = _module()
    if keyring is None:
        raise Problem(
            "The Python package keyring is not installed, which opens the system’s keyring. "
            "Install it (pip install 'signet[keyring]'), or use --storage file."
        )
    return keyring


def _unusable(error: Exception) -> Problem:
    why = printable(error) or type(error).__name__
    return Problem(
        f"The system’s keyring cannot be used: {why.rstrip('.')}. Unlock it, or sign in with "
        "--storage file, which stores tokens in a file that only you can read."
    )
