"""Nonces for DPoP proofs: stateless, and replaced after a few minutes. RFC 9449 §8.

A nonce is a keyed hash of the window of time that it was given in, so that each process knows it.
"""

import hmac
from datetime import datetime
from typing import Final

from foundation import server_keys

#: Seconds after which there is another one. Each is valid in its window and in the next.
WINDOW: Final = 300
_PURPOSE: Final = "DPoP nonce"


def current(now: datetime) -> str:
    """Return the nonce that is given now: 64 hexadecimal digits."""
    return server_keys.keyed_hash(str(_window(now)), _PURPOSE)


def is_valid(nonce: str, now: datetime) -> bool:
    """Whether it was given in this window or in the one before, by any process."""
    windows = (_window(now), _window(now) - 1)
    came = nonce.encode("utf-8", "surrogatepass")
    known = (value for it in windows for value in server_keys.keyed_hashes(str(it), _PURPOSE))
    return any(hmac.compare_digest(came, value.encode()) for value in known)


def _window(now: datetime) -> int:
    return int(now.timestamp()) // WINDOW
