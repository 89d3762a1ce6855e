"""One measurement: what a kind of request costs a provider and its database."""

import time
from dataclasses import dataclass

from bench.figures import FIGURES
from bench.processes import Postgres, cpu_seconds
from bench.providers import Provider
from bench.wire import send_all


@dataclass(frozen=True)
class Measured:
    """One measurement: processor milliseconds per request, and how fast answers came."""

    server_ms: float
    database_ms: float
    per_second: float
    #: How long each answer took, in milliseconds.
    answered_ms: tuple[float, ...]

    @property
    def ms(self) -> float:
        """Milliseconds of server and database together."""
        return self.server_ms + self.database_ms


def measure(provider: Provider, database: Postgres, figure: str, requests: int) -> Measured:
    """Load a provider with one kind of request, and check every answer."""
    number = max(int(requests * FIGURES[figure].share), 1)
    tasks, check = FIGURES[figure].prepare(provider, number)
    used = cpu_seconds(provider.process.pid), cpu_seconds(database.pid)
    began = time.perf_counter()
    answers = send_all(provider.port, tasks)
    seconds = time.perf_counter() - began
    server = cpu_seconds(provider.process.pid) - used[0]
    of_database = cpu_seconds(database.pid) - used[1]
    for answer in answers:
        check(answer)
    return Measured(
        1000 * server / number,
        1000 * of_database / number,
        number / seconds,
        tuple(1000 * answer.seconds for answer in answers),
    )
