"""Many users signing in at the same moment, and what others notice of that meanwhile.

Every user opens the app's authorization request, the sign-in page, sends their password and comes
back with a code. Beside them, an app asks UserInfo again and again, from a process of its own.
"""

import multiprocessing
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from http import HTTPStatus

from bench.figures import authorization_address, user_info_request
from bench.providers import CROWD, CROWD_CLIENT_ID, Provider, crowd_emails
from bench.wire import Browser, Connection

#: Between one UserInfo request and the next.
_REST_SECONDS = 0.005
#: Before the storm, so that its very beginning is seen, too.
_QUIET_SECONDS = 0.5


@dataclass(frozen=True)
class Storm:
    """What a storm took, and UserInfo beside it."""

    #: After how many seconds each was in, in this order.
    seconds: tuple[float, ...]
    refused: int
    #: How long each answer of UserInfo took, in milliseconds.
    userinfo_ms: tuple[float, ...]


def table(storms: list[Storm]) -> Iterable[str]:
    """Say what storms took, a line each."""
    yield "| storm | signed in | refused | half, s | all, s | UserInfo: p50 | p99 | max, ms |"
    yield "|---|---|---|---|---|---|---|---|"
    for number, one in enumerate(storms, start=1):
        took = sorted(one.userinfo_ms)
        columns = (
            str(number),
            f"{len(one.seconds)} of {CROWD}",
            str(one.refused),
            f"{one.seconds[len(one.seconds) // 2]:.1f}",
            f"**{one.seconds[-1]:.1f}**",
            f"{took[len(took) // 2]:.1f}",
            f"**{took[len(took) * 99 // 100]:.1f}**",
            f"{took[-1]:.1f}",
        )
        yield f"| {' | '.join(columns)} |"


def measured(provider: Provider) -> Storm:
    """Let all users sign in at once, and return what it took."""
    message = user_info_request(provider)
    sign_in(provider, browsers(provider, 1)[0])  # the first page is slower: templates are read
    over = multiprocessing.Event()
    times: multiprocessing.Queue[list[float]] = multiprocessing.Queue()
    probe = multiprocessing.Process(target=_probe, args=(provider.port, message, over, times))
    probe.start()
    try:
        time.sleep(_QUIET_SECONDS)
        seconds, refused = _all_at_once(provider)
    finally:
        over.set()
    took = times.get()
    probe.join()
    return Storm(tuple(seconds), refused, tuple(took))


def browsers(provider: Provider, number: int) -> list[Browser]:
    """Return browsers of different users at different places."""
    return [
        Browser(provider.port, email, f"203.0.113.{place}")
        for place, email in enumerate(crowd_emails()[:number], start=10)
    ]


def sign_in(provider: Provider, browser: Browser) -> None:
    """Sign a user in, from an app's request to its code. Raises RuntimeError if that fails."""
    provider.sign_in(browser, authorization_address(provider, client_id=CROWD_CLIENT_ID)[0])


def _all_at_once(provider: Provider) -> tuple[list[float], int]:
    """Return after how many seconds each was in, and how many were not."""
    start = threading.Barrier(CROWD + 1)
    done: list[float] = []
    refused: list[str] = []

    def visit(browser: Browser) -> None:
        start.wait()
        try:
            sign_in(provider, browser)
        except RuntimeError as problem:
            refused.append(str(problem))
        else:
            done.append(time.perf_counter())

    threads = [
        threading.Thread(target=visit, args=(browser,)) for browser in browsers(provider, CROWD)
    ]
    for thread in threads:
        thread.start()
    start.wait()
    began = time.perf_counter()
    for thread in threads:
        thread.join()
    if not done:
        raise RuntimeError(f"no user could sign in: {refused[0]}")
    return [at - began for at in done], len(refused)


def _probe(
    port: int,
    message: bytes,
    over: "multiprocessing.synchronize.Event",
    times: "multiprocessing.Queue[list[float]]",
) -> None:
    """Ask again and again, with a short rest, until asked to stop."""
    connection = Connection(port)
    took: list[float] = []
    while not over.is_set():
        answer = connection.send(message)
        if answer.status != HTTPStatus.OK:
            raise AssertionError(f"UserInfo: {answer}")
        took.append(1000 * answer.seconds)
        time.sleep(_REST_SECONDS)
    connection.close()
    times.put(took)
