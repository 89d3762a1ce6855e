"""Fetches that a request waits for: for which party, how many at once, and for how long.

A request that waits for a client's server keeps a thread that could serve others. So a share of the
threads may fetch, and a smaller one for clients that no operator vouches for. A fetch without a
place is refused at once or after a moment (RFC 6749 §4.1.2.1, `temporarily_unavailable`), and a
host that was slow is not fetched from for a while, in all processes.
"""

import hashlib
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from threading import BoundedSemaphore, Condition

import structlog
from django.conf import settings
from django.core.cache import cache

from foundation.client_address import network_of
from idp import outbound
from idp.models import Client
from idp.outbound import Address, Answer, Bounds, TooManyLookupsError, TooSlowError
from idp.protocol.errors import TemporarilyUnavailable
from idp.protocol.rules import upholds

log = structlog.get_logger(__name__)
#: Maximum seconds that a fetch waits for a place, or for another fetch of the same.
WAIT = 1.0
#: Seconds for which a host is left alone after it was slow.
LEFT_ALONE_FOR = 30
#: Seconds that one fetch may take, by whether its client is vouched for.
SECONDS = {True: outbound.SECONDS, False: 2.0}
#: Fetches at once from one host, and for one client, likewise.
_AT_ONCE = {True: 2, False: 1}
#: Maximum concurrent lookups of host names for clients without an operator's approval: resolvers
#: may hang for longer than we wait, and must stay available to the others.
_UNKNOWN_PARTIES_LOOKUPS = BoundedSemaphore(4)


@dataclass(frozen=True)
class Party:
    """The party that something is fetched for: a client, and whether an operator vouches for it."""

    name: str
    #: Whether an operator entered it, or gave it a token to register with.
    is_vouched_for: bool


@dataclass(frozen=True, eq=False)
class _Errand:
    party: Party
    host: str

    def is_like(self, other: "_Errand") -> bool:
        """Whether both share a limit: unknown parties must not keep a known one's host busy."""
        if self.party.is_vouched_for != other.party.is_vouched_for:
            return False
        return self.host == other.host or self.party.name == other.party.name


class Places:
    """The threads of this process that may fetch, or wait for a fetch."""

    def __init__(self, threads: int) -> None:
        self._changed = Condition()
        self._under_way: list[_Errand] = []
        #: Number of waiting threads, by whether the party is vouched for.
        self._waiting = {True: 0, False: 0}
        self.share_out(threads)

    def share_out(self, threads: int) -> None:
        """Set the shares: half of the threads may fetch, a quarter for unknown parties."""
        self._most = max(1, threads // 2)
        self._most_for_unknown = max(1, threads // 4)
        self._most_waiting = max(0, threads - self._most - 1)

    @contextmanager
    def taken(self, party: Party, host: str) -> Iterator[None]:
        """Take a place for one fetch. Raises TemporarilyUnavailable where there is none."""
        errand = _Errand(party, host)
        ends_at = time.monotonic() + WAIT
        with self._changed:
            if not self._fits(errand):
                with self.waiting(party):
                    while not self._fits(errand):
                        self._wait(party, ends_at)
            self._under_way.append(errand)
        try:
            yield
        finally:
            with self._changed:
                self._under_way.remove(errand)
                self._changed.notify_all()

    @contextmanager
    @upholds("RFC 6749 §4.1.2.1")
    def waiting(self, party: Party) -> Iterator[None]:
        """Let a thread wait for a fetch, if few do. Raises TemporarilyUnavailable.

        For an unknown party it waits only if no other thread does.
        """
        with self._changed:
            if not self._may_wait(party):
                raise busy()
            self._waiting[party.is_vouched_for] += 1
            self._changed.notify_all()
        try:
            yield
        finally:
            with self._changed:
                self._waiting[party.is_vouched_for] -= 1

    def _may_wait(self, party: Party) -> bool:
        if party.is_vouched_for:
            return self._waiting[True] < self._most_waiting
        return self._most_waiting > 0 and not any(self._waiting.values())

    @upholds("RFC 6749 §4.1.2.1")
    def _wait(self, party: Party, ends_at: float) -> None:
        """Wait for a change. Raises TemporarilyUnavailable."""
        left = ends_at - time.monotonic()
        gives_way = not party.is_vouched_for and self._waiting[True] > 0
        if gives_way or left <= 0:
            raise busy()
        self._changed.wait(left)

    def _fits(self, errand: _Errand) -> bool:
        vouched = errand.party.is_vouched_for
        alike = sum(errand.is_like(other) for other in self._under_way)
        if alike >= _AT_ONCE[vouched] or len(self._under_way) >= self._most:
            return False
        unknown = sum(not other.party.is_vouched_for for other in self._under_way)
        return vouched or (unknown < self._most_for_unknown and not self._waiting[True])


#: Of this process. `serve` and `worker` set the number of threads.
places = Places(settings.IDP_THREADS)


def party_of(client: Client) -> Party:
    """Return the party that a client's addresses are fetched for."""
    return Party(client.client_id, client.is_vouched_for)


def ask(
    url: str, content_types: Collection[str], party: Party, *, most: int = outbound.MOST
) -> Answer:
    """Fetch an address and return its content of at most `most` bytes; see `outbound.ask`.

    Call it outside of transactions, which would hold locks meanwhile. Raises OutboundError, and
    TemporarilyUnavailable if it was not tried.
    """
    with place_for(url, party) as fetch:
        return fetch.ask(content_types, most)


def talk(
    url: str, party: Party, send: Callable[[Bounds], Answer], *, most: int = outbound.MOST
) -> Answer:
    """Return what `send`, a request to this address within bounds, brings; as `ask` does."""
    with place_for(url, party) as fetch:
        return fetch.talk(send, most)


@contextmanager
def place_for(url: str, party: Party) -> Iterator["Fetch"]:
    """Take a place, and keep it while the block lasts. Raises as `ask` does."""
    fetch = Fetch(url, party, outbound.host_of(url))
    with places.taken(party, fetch.host):
        yield fetch


class Fetch:
    """One fetch that has its place."""

    def __init__(self, url: str, party: Party, host: str) -> None:
        self.url = url
        self.party = party
        self.host = host
        #: The host that is not fetched from for a while if this is slow.
        self._names = [host]

    def ask(self, content_types: Collection[str], most: int) -> Answer:
        """Fetch the address. Raises as `ask` of this module does."""
        return self.talk(lambda bounds: outbound.ask(self.url, content_types, bounds), most)

    @upholds("RFC 6749 §4.1.2.1")
    def talk(self, send: Callable[[Bounds], Answer], most: int) -> Answer:
        """Send a request to the address. Raises as `ask` of this module does."""
        self._refuse_slow(self._names)
        vouched = self.party.is_vouched_for
        seconds, began = SECONDS[vouched], time.monotonic()
        bounds = Bounds(
            seconds,
            most,
            outbound.LOOKUPS if vouched else _UNKNOWN_PARTIES_LOOKUPS,
            self._note_addresses,
        )
        is_slow = False
        try:
            return send(bounds)
        except TooManyLookupsError:
            raise busy() from None
        except TooSlowError:
            is_slow = True
            raise
        finally:
            took = time.monotonic() - began
            if is_slow or (not vouched and took > seconds / 2):
                self._leave_alone(took)

    def _note_addresses(self, addresses: Collection[Address]) -> None:
        """Record a slow server's IP addresses, too: host names for it can be had without end."""
        if self.party.is_vouched_for:
            return
        networks = [network_of(str(address)) for address in addresses]
        self._refuse_slow(networks)
        self._names += networks

    @upholds("RFC 6749 §4.1.2.1")
    def _refuse_slow(self, names: Iterable[str]) -> None:
        """Raise TemporarilyUnavailable where one of these was slow. RFC 6749 §4.1.2.1."""
        if cache.get_many(map(self._key, names)):
            raise TemporarilyUnavailable(
                f"{self.host} was too slow a moment ago, so nothing is fetched there just now.",
                retry_after=LEFT_ALONE_FOR,
            )

    def _leave_alone(self, took: float) -> None:
        log.warning("host_was_slow", host=self.host, client_id=self.party.name, took=round(took, 1))
        cache.set_many(dict.fromkeys(map(self._key, self._names), 1), LEFT_ALONE_FOR)

    def _key(self, name: str) -> str:
        """Return the cache key of a slow host; unknown parties have keys of their own."""
        whose = "vouched" if self.party.is_vouched_for else "others"
        return f"slow:{whose}:{hashlib.sha256(name.encode()).hexdigest()}"


def busy() -> TemporarilyUnavailable:
    """Return the error for a fetch without a place. RFC 6749 §4.1.2.1."""
    return TemporarilyUnavailable(
        "Too much is being fetched just now; try again in a moment.", retry_after=2
    )
