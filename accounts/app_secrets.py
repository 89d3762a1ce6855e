"""Secrets of authenticator apps: encrypted with the server's keys, and created for a new app."""

from base64 import urlsafe_b64encode
from datetime import timedelta
from functools import lru_cache

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings
from django.http import HttpRequest

from accounts.allauth_door import factors

#: Seconds for which a new secret is valid before the app's first code.
_SET_UP_WITHIN = timedelta(hours=1)
_NEW_SECRET = "accounts_new_totp_secret"


def seal(secret: str) -> str:
    """Encrypt a secret with the newest of the server's keys."""
    return _sealer().encrypt(secret.encode()).decode()


def unseal(sealed: str) -> str:
    """Decrypt a secret. Raises InvalidToken if none of the server's keys fits."""
    return _sealer().decrypt(sealed).decode()


def new_secret(request: HttpRequest) -> str:
    """Return the secret that this browser's user is setting up an app with.

    It is the same in every tab and after a reload, and is stored encrypted in the session.
    """
    try:
        waiting = _sealer().decrypt(
            request.session.get(_NEW_SECRET, ""), ttl=int(_SET_UP_WITHIN.total_seconds())
        )
        return waiting.decode()
    except InvalidToken:
        secret = factors.new_app_secret()
        request.session[_NEW_SECRET] = seal(secret)
        return secret


def forget_new_secret(request: HttpRequest) -> None:
    """Forget the secret, which an app has been set up with."""
    request.session.pop(_NEW_SECRET, None)


def _sealer() -> MultiFernet:
    return _sealer_of(tuple(settings.IDP_SECRET_KEYS))


@lru_cache
def _sealer_of(keys: tuple[str, ...]) -> MultiFernet:
    """Return a cipher that encrypts with the first of the server's keys and decrypts with all.

    Its keys are derived for this purpose only; `foundation.server_keys` derives others.
    """
    info = b"signet accounts second factor"
    derived = (HKDF(SHA256(), length=32, salt=None, info=info).derive(key.encode()) for key in keys)
    return MultiFernet([Fernet(urlsafe_b64encode(key)) for key in derived])
