"""Public keys of others, fetched from their addresses and cached.

In every process, and in the cache that they share. OIDC Core §10.1.1; RFC 7517 §5.
"""

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import structlog
from django.core.cache import cache
from django.db import connection

from idp import fetching, outbound
from idp.fetching import Party
from idp.jose import public_keys as jwk_sets
from idp.protocol import json_objects
from idp.protocol.errors import InvalidRequest, TemporarilyUnavailable
from idp.protocol.rules import upholds

log = structlog.get_logger(__name__)
#: Seconds for which fetched keys are believed without another look …
FRESH_FOR = 300
#: … or stay valid while fetching fails: a key that its owner removed must not be valid for long.
USED_FOR = 3600
#: Seconds between two fetches of the same address, successful or not.
FLOOR = 60
_CONTENT_TYPES = ("application/json", "application/jwk-set+json")
#: Seconds after its beginning for which requests of vouched-for parties wait for a fetch: with a
#: normal server, no one of many concurrent requests is refused.
WAITED_FOR_BY_ALL = 0.5
#: The cache entry of a fetch: when it began, or that it is done.
_DONE = 0.0
_MOST = 10_000
_remembered: "OrderedDict[str, _Fetched]" = OrderedDict()
#: Fetches the usable keys at an address for a party, as `fetched` does.
Fetch = Callable[[str, Party], list[dict[str, Any]]]


@dataclass(frozen=True)
class _Fetched:
    """The keys that were at an address, and when, in seconds of the clock."""

    keys: list[dict[str, Any]]
    at: float

    def is_younger_than(self, seconds: float) -> bool:
        return time.time() - self.at < seconds


def keys_at(
    uri: str, party: Party, *, unknown_kid: bool = False, fetch: Fetch | None = None
) -> list[dict[str, Any]]:
    """Return the public JWKs at an address; empty if they can't be had.

    `fetch` replaces `fetched`, for an address that leads to the keys by a document.

    Each party has its own cache: one party's visits do not keep another from a fetch. `unknown_kid`
    says that a signature names a key that was not among them: they are fetched again, unless they
    have been within FLOOR. Within a transaction, which would hold its locks meanwhile, nothing is
    fetched. Raises TemporarilyUnavailable if none are known and fetching has to wait.
    """
    name = hashlib.sha256(f"{party.name} {uri}".encode()).hexdigest()
    known = _remembered.get(name)
    is_fresh = known is not None and known.is_younger_than(FRESH_FOR)
    if unknown_kid or (not is_fresh and not connection.in_atomic_block):
        known = _renewed(name, uri, party, fetch or fetched, unknown_kid=unknown_kid)
    return known.keys if known is not None and known.is_younger_than(USED_FOR) else []


def keys_with(
    kid: str | None, uri: str, party: Party, *, fetch: Fetch | None = None
) -> list[dict[str, Any]]:
    """Return the public JWKs at an address, as `keys_at`; fetched again if none has this `kid`.

    A signature is the first to name a new key.
    """
    keys = keys_at(uri, party, fetch=fetch)
    if any(key.get("kid") == kid for key in keys):
        return keys
    return keys_at(uri, party, unknown_kid=True, fetch=fetch)


def fetched(uri: str, party: Party) -> list[dict[str, Any]]:
    """Fetch and return the usable keys at an address. Raises OutboundError with the reason.

    Raises TemporarilyUnavailable if it was not tried.
    """
    body = fetching.ask(uri, _CONTENT_TYPES, party).body
    try:
        return jwk_sets.usable(json_objects.parse(body.decode(), f"What is at {uri}"))
    except (InvalidRequest, UnicodeDecodeError) as problem:
        raise outbound.OutboundError(str(problem)) from None


def _renewed(
    name: str, uri: str, party: Party, fetch: Fetch, *, unknown_kid: bool
) -> _Fetched | None:
    """Return what another process has fetched, or fetch it; one process at a time does.

    Raises TemporarilyUnavailable if there are no cached keys meanwhile.
    """
    shared: _Fetched | None = cache.get(f"jwks:{name}")
    fresh = shared is not None and shared.is_younger_than(FRESH_FOR)
    if unknown_kid or not fresh:
        try:
            if cache.add(f"jwks-fetch:{name}", time.time(), FLOOR):
                _fetch(name, uri, party, fetch)
            else:
                _wait_for_another(name, party)
        except TemporarilyUnavailable:
            if unknown_kid or shared is None or not shared.is_younger_than(USED_FOR):
                raise
        shared = cache.get(f"jwks:{name}")
    if shared is not None:
        _remembered[name] = shared
        _remembered.move_to_end(name)
        while len(_remembered) > _MOST:
            _remembered.popitem(last=False)
    return shared


def _fetch(name: str, uri: str, party: Party, fetch: Fetch) -> None:
    """Fetch the keys into the shared cache; a failure leaves what is there."""
    try:
        keys = fetch(uri, party)
        cache.set(f"jwks:{name}", _Fetched(keys, time.time()), USED_FOR)
    except outbound.OutboundError as problem:
        log.warning("jwks_not_fetched", reason=str(problem))
    except TemporarilyUnavailable:
        cache.delete(f"jwks-fetch:{name}")  # it was not tried, so the next may
        raise
    cache.set(f"jwks-fetch:{name}", _DONE, FLOOR)


@upholds("RFC 6749 §4.1.2.1")
def _wait_for_another(name: str, party: Party) -> None:
    """Wait for a moment while another thread fetches the same address.

    Raises TemporarilyUnavailable if it takes longer, or too many wait already.
    """
    for_all = WAITED_FOR_BY_ALL if party.is_vouched_for else 0
    if _is_done_by(name, _began_at(name) + for_all):
        return
    with fetching.places.waiting(party):
        if not _is_done_by(name, time.time() + fetching.WAIT):
            raise fetching.busy()


def _is_done_by(name: str, moment: float) -> bool:
    """Wait until a fetch is done or a time has come; return whether it is done."""
    while _began_at(name) != _DONE:
        if time.time() > moment:
            return False
        time.sleep(0.02)
    return True


def _began_at(name: str) -> float:
    """Return when the current fetch began; _DONE if there is none."""
    return float(cache.get(f"jwks-fetch:{name}", _DONE))
