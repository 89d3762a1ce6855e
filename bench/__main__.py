"""`make bench`: start providers, load them in turns, and say what each request costs."""

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Iterable
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from bench import providers
from bench.figures import FIGURES
from bench.processes import LOAD_CORES, Postgres, cpu_seconds, memory_mib, postgres
from bench.providers import Provider
from bench.wire import send_all

SIGNET = "Signet"
_WARM_UP = 100


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


def measure(provider: Provider, database: Postgres, figure: str, number: int) -> Measured:
    """Load a provider with one kind of request, and check every answer."""
    messages, check = FIGURES[figure](provider, number)
    used = cpu_seconds(provider.process.pid), cpu_seconds(database.pid)
    began = time.perf_counter()
    answers = send_all(provider.port, messages)
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


def table(results: dict[str, dict[str, list[Measured]]]) -> Iterable[str]:
    """Say what was measured, as a table for each figure's providers."""
    yield "| | provider | CPU ms: server + database | ratio | requests/s | p50 ms | p99 ms |"
    yield "|---|---|---|---|---|---|---|"
    for figure, by_provider in results.items():
        ours = by_provider.get(SIGNET, [])
        for name, rounds in by_provider.items():
            total = [one.ms for one in rounds]
            took = sorted(chain.from_iterable(one.answered_ms for one in rounds))
            ratio = ""
            if ours and name != SIGNET:
                of_rounds = [a.ms / b.ms for a, b in zip(ours, rounds, strict=True)]
                ratio = f"{_median(of_rounds):.2f} ({min(of_rounds):.2f}–{max(of_rounds):.2f})"
            yield (
                f"| {figure if rounds is next(iter(by_provider.values())) else ''} | {name} "
                f"| {_median(one.server_ms for one in rounds):.2f} "
                f"+ {_median(one.database_ms for one in rounds):.2f} "
                f"= **{_median(total):.2f}** ({min(total):.2f}–{max(total):.2f}) "
                f"| {ratio} | {_median(one.per_second for one in rounds):.0f} "
                f"| {took[len(took) // 2]:.1f} | {took[len(took) * 99 // 100]:.1f} |"
            )


def _median(values: Iterable[float]) -> float:
    return statistics.median(list(values))


def main() -> None:
    """Measure what the arguments say."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument(
        "--beside",
        nargs="*",
        default=[],
        choices=list(providers.PEERS),
        help="peers to measure in the same run",
    )
    parser.add_argument("--figures", nargs="*", default=list(FIGURES), choices=list(FIGURES))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--requests", type=int, default=400, help="of each measurement")
    arguments = parser.parse_args()

    results: dict[str, dict[str, list[Measured]]] = {}
    with tempfile.TemporaryDirectory(prefix="bench-") as temporary, ExitStack() as stack:
        directory = Path(temporary)
        database = stack.enter_context(postgres(directory))
        running = [
            stack.enter_context(providers.started(name, directory, database))
            for name in [SIGNET, *arguments.beside]
        ]
        os.sched_setaffinity(0, LOAD_CORES)
        for figure in arguments.figures:
            for provider in running:
                measure(provider, database, figure, _WARM_UP)
        for _ in range(arguments.rounds):
            for figure in arguments.figures:
                for provider in running:
                    measured = measure(provider, database, figure, arguments.requests)
                    by_provider = results.setdefault(figure, {})
                    by_provider.setdefault(provider.name, []).append(measured)
        print(*table(results), sep="\n")
        for provider in running:
            print(f"{provider.name}: {memory_mib(provider.process.pid):.0f} MiB a process")


if __name__ == "__main__":
    main()
