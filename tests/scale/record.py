"""What was asked under load, and how it was answered: errors with their times, and latencies."""

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus

import httpx


class NotAnsweredError(Exception):
    """A request had no answer, or one that says to come again or that something is wrong."""


@dataclass(frozen=True)
class Asked:
    """One request and its answer."""

    path: str
    #: When it was sent, on the monotonic clock.
    at: float
    seconds: float
    #: The status, or the name of the exception.
    result: int | str

    @property
    def failed(self) -> bool:
        return isinstance(self.result, str) or self.result >= HTTPStatus.INTERNAL_SERVER_ERROR


class Record:
    """All requests of a load. Threads write it at once."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []

    def send(self, path: str, send: Callable[[], httpx.Response]) -> httpx.Response:
        """Send a request and write down its result. Raises NotAnsweredError if it failed."""
        at = time.monotonic()
        result: int | str
        try:
            response = send()
            result = response.status_code
        except httpx.TransportError as problem:
            response, result = httpx.Response(599), type(problem).__name__
        asked = Asked(path, at, time.monotonic() - at, result)
        self.asked.append(asked)
        if asked.failed:
            raise NotAnsweredError(f"{path}: {result}")
        return response

    def between(self, begin: float, end: float = float("inf"), *paths: str) -> list[Asked]:
        """Return what was sent in this time, and only to these paths if there are any."""
        return [
            one for one in self.asked if begin <= one.at < end and (not paths or one.path in paths)
        ]

    def failures(self, begin: float, end: float = float("inf"), *paths: str) -> list[Asked]:
        """Return what of it failed."""
        return [one for one in self.between(begin, end, *paths) if one.failed]

    def last_failure(self, begin: float) -> float:
        """Return how many seconds after this the last request was sent that failed; 0 if none."""
        return max((one.at - begin for one in self.failures(begin)), default=0.0)

    def p99(self, begin: float, end: float) -> float:
        """Return the 99th percentile of the latencies, in seconds."""
        took = sorted(one.seconds for one in self.between(begin, end))
        assert took, "nothing was asked in this time"
        return took[len(took) * 99 // 100]

    def recovers(self, before: tuple[float, float], after: tuple[float, float]) -> bool:
        """Whether requests are answered as fast after a fault as before; machines are busy."""
        return self.p99(*after) < 3 * self.p99(*before) + 0.2

    def told(self, begin: float = 0.0) -> str:
        """Return the failures since then in words, for messages of tests."""
        failures = self.failures(begin)
        kinds = Counter((one.path, one.result) for one in failures)
        times = [round(one.at - begin, 2) for one in failures][:20]
        return f"{len(failures)} of {len(self.between(begin))} failed: {dict(kinds)} at {times}"
