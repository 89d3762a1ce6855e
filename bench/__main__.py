"""`make bench`: start providers, load them in turns, and say what each request costs.

With `--grown`, a second Signet runs on a database of millions of rows; with `--workers`, one in
several processes. Then fifty users sign in at once (`bench.storm`), and at last a user is signed
out of a hundred apps, which says how soon they were notified.
"""

import argparse
import os
import statistics
import tempfile
from collections.abc import Iterable
from contextlib import ExitStack
from itertools import chain
from pathlib import Path

from bench import providers, sign_outs, storm, sweeping
from bench.figures import FIGURES
from bench.measuring import Measured, measure
from bench.processes import LOAD_CORES, Postgres, memory_mib, postgres
from bench.providers import GROWN, PROCESSES, SIGNET, Provider

#: Each figure of each provider is warm after so many requests or seconds, whichever comes first:
#: Node.js compiles what it has run often, and PostgreSQL plans a statement anew five times.
_WARM_UP_REQUESTS, _WARM_UP_SECONDS = 3000, 5.0
_WARM_UP_BATCH = 250


#: Of each figure and provider, what each round measured.
Results = dict[str, dict[str, list[Measured]]]


def measure_all(
    running: list[Provider], database: Postgres, figures: list[str], rounds: int, requests: int
) -> Results:
    """Measure every figure of every provider in turns, so that they share the machine's moods."""
    pairs = [
        (figure, provider)
        for figure in figures
        for provider in running
        if provider.has_pages or not FIGURES[figure].has_pages
    ]
    for figure, provider in pairs:
        warm_up(provider, database, figure)
    results: Results = {}
    for _ in range(rounds):
        for figure, provider in pairs:
            measured = measure(provider, database, figure, requests)
            results.setdefault(figure, {}).setdefault(provider.name, []).append(measured)
    return results


def warm_up(provider: Provider, database: Postgres, figure: str) -> None:
    """Ask until a provider is as fast at this as it gets; preparing requests isn't timed."""
    sent, spent = 0, 0.0
    while sent < _WARM_UP_REQUESTS and spent < _WARM_UP_SECONDS:
        measured = measure(provider, database, figure, _WARM_UP_BATCH)
        sent += len(measured.answered_ms)
        spent += len(measured.answered_ms) / measured.per_second


def table(results: Results) -> Iterable[str]:
    """Say what was measured; a ratio is Signet's cost to the other's, round by round."""
    yield "| | provider | CPU ms: server + database | Signet's to it | requests/s | p50 | p99 ms |"
    yield "|---|---|---|---|---|---|---|"
    for figure, by_provider in results.items():
        for name, rounds in by_provider.items():
            total = [one.ms for one in rounds]
            took = sorted(chain.from_iterable(one.answered_ms for one in rounds))
            server = _median(one.server_ms for one in rounds)
            of_database = _median(one.database_ms for one in rounds)
            sum_and_range = f"**{_median(total):.2f}** ({min(total):.2f}–{max(total):.2f})"
            columns = (
                figure if name == SIGNET else "",
                name,
                f"{server:.2f} + {of_database:.2f} = {sum_and_range}",
                "" if name == SIGNET else _ratio(by_provider[SIGNET], rounds),
                f"{_median(one.per_second for one in rounds):.0f}",
                f"{took[len(took) // 2]:.1f}",
                f"{took[len(took) * 99 // 100]:.1f}",
            )
            yield f"| {' | '.join(columns)} |"


def _ratio(ours: list[Measured], theirs: list[Measured]) -> str:
    of_rounds = [a.ms / b.ms for a, b in zip(ours, theirs, strict=True)]
    return f"**{_median(of_rounds):.2f}** ({min(of_rounds):.2f}–{max(of_rounds):.2f})"


def _median(values: Iterable[float]) -> float:
    return statistics.median(list(values))


def main() -> None:
    """Measure what the arguments say."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    peers, figures = list(providers.PEERS), list(FIGURES)
    parser.add_argument("--beside", nargs="*", default=[], choices=peers, metavar="PEER")
    parser.add_argument("--figures", nargs="*", default=figures, choices=figures, metavar="FIGURE")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--requests", type=int, default=2000, help="in each round, of each figure")
    parser.add_argument("--grown", nargs=3, type=int, metavar=("USERS", "CLIENTS", "TOKENS"))
    parser.add_argument("--workers", type=int, default=1, help="beside it, so many processes")
    parser.add_argument("--storms", type=int, default=3, help="of sign-ins; 0 leaves them out")
    arguments = parser.parse_args()

    with tempfile.TemporaryDirectory(prefix="bench-") as temporary, ExitStack() as stack:
        directory = Path(temporary)
        database = stack.enter_context(postgres(directory))
        grown, workers = arguments.grown, arguments.workers
        ours = [SIGNET, *([GROWN] if grown else []), *([PROCESSES] if workers > 1 else [])]
        running = [
            stack.enter_context(providers.started(name, directory, database, grown, workers))
            for name in [*ours, *arguments.beside]
        ]
        os.sched_setaffinity(0, LOAD_CORES)
        results = measure_all(
            running, database, arguments.figures, arguments.rounds, arguments.requests
        )
        print(*table(results), "", sep="\n")
        if arguments.grown:
            print(sweeping.measured(running[1], directory, database, arguments.requests))
        if arguments.storms:
            storms = [storm.measured(running[0]) for _ in range(arguments.storms)]
            print(*storm.table(storms), "", sep="\n")
        for provider in running:
            print(f"{provider.name}: {memory_mib(provider.process.pid):.0f} MiB a process")
        print(sign_outs.measured(directory, database))


if __name__ == "__main__":
    main()
