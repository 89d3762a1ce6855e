"""Tokens as they are kept. RFC 6749 §1.4, §1.5."""

import json
import time
from base64 import urlsafe_b64decode
from dataclasses import dataclass


@dataclass(frozen=True)
class AccessToken:
    """An access token, and until when it can be used, in seconds since 1970."""

    value: str
    expires_at: float
    scope: str


@dataclass(frozen=True)
class Tokens:
    """What a token request gave."""

    access_token: AccessToken
    refresh_token: str | None
    id_token: str | None


def lasts(expires_at: float, seconds: float) -> bool:
    """Whether what expires then, in seconds since 1970, can be used for so many seconds yet."""
    return time.time() + seconds < expires_at


def expiry_of(id_token: str) -> float:
    """Return `exp` of an ID token of ours, which was verified when it came."""
    payload = id_token.split(".")[1]
    claims = json.loads(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return float(claims["exp"])
