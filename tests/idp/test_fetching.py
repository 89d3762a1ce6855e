"""Who may fetch, and who waits, when there are few places."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

from idp import fetching
from idp.fetching import Party, Places
from idp.protocol.errors import TemporarilyUnavailable

#: As many threads as `serve` has unless told otherwise: two may fetch, one of them for strangers.
THREADS = 4


def vouched(name: str = "shop") -> Party:
    return Party(name, is_vouched_for=True)


def stranger(name: str = "stranger") -> Party:
    return Party(name, is_vouched_for=False)


@pytest.fixture(autouse=True)
def short_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "WAIT", 0.3)


@pytest.fixture
def held() -> Iterator[Callable[..., None]]:
    """Return what takes a place until the test is over."""
    with ExitStack() as stack:

        def take(places: Places, party: Party, host: str) -> None:
            stack.enter_context(places.taken(party, host))

        yield take


def is_refused(places: Places, party: Party, host: str) -> bool:
    try:
        with places.taken(party, host):
            return False
    except TemporarilyUnavailable as error:
        return error.retry_after is not None


def test_strangers_leave_a_place_to_those_whom_an_operator_knows(held: Callable[..., None]) -> None:
    places = Places(THREADS)
    held(places, stranger("one"), "one.example")
    assert is_refused(places, stranger("two"), "two.example")
    assert not is_refused(places, vouched(), "shop.example")
    assert not is_refused(places, vouched(), "one.example")


def test_no_more_than_half_of_the_threads_fetch(held: Callable[..., None]) -> None:
    places = Places(THREADS)
    held(places, vouched("one"), "one.example")
    held(places, vouched("two"), "two.example")
    assert is_refused(places, vouched("three"), "three.example")
    assert is_refused(places, stranger(), "four.example")


@pytest.mark.parametrize("make", [vouched, stranger])
@pytest.mark.parametrize("same", ["host", "client"])
def test_one_host_and_one_client_have_few(
    held: Callable[..., None], make: Callable[[str], Party], same: str
) -> None:
    places, allowed = Places(64), 2 if make is vouched else 1
    for number in range(allowed + 1):
        name = "client" if same == "client" else f"client {number}"
        host = "a.example" if same == "host" else f"{number}.example"
        if number < allowed:
            held(places, make(name), host)
        else:
            assert is_refused(places, make(name), host)
    assert not is_refused(places, make("another"), "another.example")


def test_one_thread_is_left_however_many_wait(
    held: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "WAIT", 2)
    places = Places(THREADS)
    held(places, vouched("one"), "one.example")
    held(places, vouched("two"), "two.example")
    with ThreadPoolExecutor(8) as threads:
        began = time.monotonic()

        def come(number: int) -> float:
            assert is_refused(places, vouched(f"client {number}"), f"{number}.example")
            return time.monotonic() - began

        took = sorted(threads.map(come, range(8)))
    assert took[-2] < 2 <= took[-1]  # only one of them waited


def test_a_place_that_becomes_free_is_taken() -> None:
    places = Places(THREADS)
    begun = threading.Event()

    def hold() -> None:
        with places.taken(stranger("one"), "one.example"):
            begun.set()
            time.sleep(0.1)

    thread = threading.Thread(target=hold)
    thread.start()
    begun.wait(5)
    assert not is_refused(places, stranger("two"), "one.example")
    thread.join()


def test_a_stranger_gives_way_to_whom_an_operator_knows(
    held: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "WAIT", 5)
    places = Places(THREADS)
    held(places, stranger("one"), "one.example")
    with ThreadPoolExecutor(2) as threads, ExitStack() as shop:
        waits = threads.submit(is_refused, places, stranger("two"), "two.example")
        while not places._waiting[False]:
            time.sleep(0.01)
        shop.enter_context(places.taken(vouched("other"), "other.example"))
        began = time.monotonic()
        knows = threads.submit(is_refused, places, vouched(), "shop.example")
        assert waits.result(20)
        assert time.monotonic() - began < 5
        shop.close()
        assert not knows.result(20)


def test_with_one_thread_there_is_one_place(
    held: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "WAIT", 5)
    places = Places(1)
    held(places, stranger(), "one.example")
    began = time.monotonic()
    assert is_refused(places, vouched(), "two.example")
    assert time.monotonic() - began < 5
