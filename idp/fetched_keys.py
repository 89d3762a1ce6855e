"""Others' public keys, fetched from where they publish them and kept.

In every process, and in the cache that they share. OIDC Core §10.1.1; RFC 7517 §5.
"""

import hashlib
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

import structlog
from django.core.cache import cache

from idp import outbound
from idp.jose import public_keys as jwk_sets
from idp.protocol import json_objects
from idp.protocol.errors import InvalidRequest

log = structlog.get_logger(__name__)
#: Seconds for which fetched keys are believed without another look …
FRESH_FOR = 300
#: … or go on when fetching them anew fails: a key that its owner took away is not good for ever.
USED_FOR = 3600
#: Seconds between two fetches for the same, whatever came of the first.
FLOOR = 60
_CONTENT_TYPES = ("application/json", "application/jwk-set+json")
_BUSY, _DONE = "busy", "done"
_MOST = 10_000
_remembered: "OrderedDict[str, _Fetched]" = OrderedDict()


@dataclass(frozen=True)
class _Fetched:
    """The keys that were at an address, and when, in seconds of the clock."""

    keys: list[dict[str, Any]]
    at: float

    def is_younger_than(self, seconds: float) -> bool:
        return time.time() - self.at < seconds


def keys_at(uri: str, whose: str, *, unknown_kid: bool = False) -> list[dict[str, Any]]:
    """Return the public JWKs at an address; empty where they can't be had.

    Whoever they are for (`whose`) has them for themselves: nobody's visits keep another from a
    fetch. `unknown_kid` says that something is signed with a key that was not among them: they are
    fetched anew, unless they have been within FLOOR.
    """
    name = hashlib.sha256(f"{whose} {uri}".encode()).hexdigest()
    known = _remembered.get(name)
    if unknown_kid or known is None or not known.is_younger_than(FRESH_FOR):
        known = _renewed(name, uri, unknown_kid=unknown_kid)
    return known.keys if known is not None and known.is_younger_than(USED_FOR) else []


def fetched(uri: str) -> list[dict[str, Any]]:
    """Return the usable keys that are at an address now. Raises OutboundError saying why not."""
    body = outbound.fetch(uri, _CONTENT_TYPES)
    try:
        return jwk_sets.usable(json_objects.parse(body.decode(), f"What is at {uri}"))
    except (InvalidRequest, UnicodeDecodeError) as problem:
        raise outbound.OutboundError(str(problem)) from None


def _renewed(name: str, uri: str, *, unknown_kid: bool) -> _Fetched | None:
    """Return what another process has fetched, or fetch it; one process at a time does."""
    shared: _Fetched | None = cache.get(f"jwks:{name}")
    fresh = shared is not None and shared.is_younger_than(FRESH_FOR)
    if unknown_kid or not fresh:
        if cache.add(f"jwks-fetch:{name}", _BUSY, FLOOR):
            _fetch(name, uri)
        else:
            _wait_for_another(name)
        shared = cache.get(f"jwks:{name}")
    if shared is not None:
        _remembered[name] = shared
        _remembered.move_to_end(name)
        while len(_remembered) > _MOST:
            _remembered.popitem(last=False)
    return shared


def _fetch(name: str, uri: str) -> None:
    """Fetch the keys into the shared cache; a failure leaves what is there."""
    try:
        keys = fetched(uri)
        cache.set(f"jwks:{name}", _Fetched(keys, time.time()), USED_FOR)
    except outbound.OutboundError as problem:
        log.warning("jwks_not_fetched", reason=str(problem))
    finally:
        cache.set(f"jwks-fetch:{name}", _DONE, FLOOR)


def _wait_for_another(name: str) -> None:
    """Wait while somebody else is fetching the same, which can't take long."""
    ends_at = time.monotonic() + outbound.SECONDS + 1
    while cache.get(f"jwks-fetch:{name}") == _BUSY and time.monotonic() < ends_at:
        time.sleep(0.05)
