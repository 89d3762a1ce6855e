"""Choose the tests that run on SQLite, too: they send what SQLite is sent in words of its own.

    mkdir /tmp/sqlite /tmp/postgresql
    RECORD_STATEMENTS=/tmp/sqlite .venv/bin/pytest -n 4 --dist loadfile \\
      -m "not scale and not browser and not interop and not sweep" --junitxml=/tmp/sqlite/times.xml
    RECORD_STATEMENTS=/tmp/postgresql DATABASE_URL=… CACHE_URL=… .venv/bin/pytest …
    .venv/bin/python scripts/choose_tests.py /tmp/sqlite /tmp/postgresql

Reads what whole runs on both databases recorded (tests/recording.py) and how long each test took,
and writes `tests/on_sqlite_too.txt`: of each recorded file, the test functions that run on both
databases. Together they send each kind of statement that SQLite is sent and PostgreSQL is not. A
file that is not in the record runs wholly on both.
"""

import sys
import xml.etree.ElementTree as ElementTree
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent / "tests"
#: Always on both: what races, crashes, or counts statements is about the database itself.
BOTH = (
    "tests/races/",
    "tests/costs/",
    "tests/attacks/test_crashes.py",
    "tests/idp/management/test_serve.py",
    "tests/idp/management/test_worker.py",
)
#: New kinds of statements for each second: a test that brings fewer is not worth its time.
_WORTH = 0.02
HEADER = """\
# Written by scripts/choose_tests.py: the test functions of a file that run on SQLite, too. Whatever
# the others send to SQLite in other words than to PostgreSQL, these send.
"""


def main(on_sqlite: Path, on_postgresql: Path) -> None:
    """Choose greedily, the most new statements for the time first."""
    statements = of_its_own(on_sqlite, on_postgresql)
    seconds = times(on_sqlite)
    chosen: set[str] = set()
    left = set().union(*(found for test, found in statements.items() if not is_on_both(test)))
    left -= set().union(*(found for test, found in statements.items() if is_on_both(test)))
    while left:
        best = max(
            statements.keys() - chosen,
            key=lambda test: (len(statements[test] & left) / (seconds[test] + 0.1), test),
        )
        if len(statements[best] & left) < seconds[best] * _WORTH:
            break
        chosen.add(best)
        left -= statements[best]
    lines = defaultdict(list)
    for test in sorted(seconds):
        file, _, function = test.partition("::")
        if not is_on_both(file):
            lines[file] += [function] if test in chosen else []
    written = "".join(f"{' '.join([f'{file}:', *names])}\n" for file, names in lines.items())
    (TESTS / "on_sqlite_too.txt").write_text(HEADER + written)
    of_chosen = sum(taken for test, taken in seconds.items() if test in chosen or is_on_both(test))
    print(
        f"{len(chosen)} of {len(seconds)} tests, {of_chosen:.0f} of {sum(seconds.values()):.0f} s."
    )


def is_on_both(test: str) -> bool:
    """Whether all tests of its file run on both databases."""
    return test.startswith(BOTH)


def of_its_own(on_sqlite: Path, on_postgresql: Path) -> dict[str, set[str]]:
    """Return of each test function the kinds of statements whose text only SQLite is sent."""
    on_both = {digest for _, digest, _ in recorded(on_postgresql)}
    found: dict[str, set[str]] = defaultdict(set)
    for test, digest, kind in recorded(on_sqlite):
        if digest not in on_both:
            found[test].add(kind)
    return found


def recorded(directory: Path) -> Iterator[list[str]]:
    """Give a test function, the digest of a statement and its kind, again and again."""
    for log in directory.glob("*.log"):
        for line in log.read_text().splitlines():
            yield line.split(" ", 2)


def times(directory: Path) -> dict[str, float]:
    """Return how many seconds each test function took, by pytest's reports."""
    found: dict[str, float] = defaultdict(float)
    for report in directory.glob("*.xml"):
        for case in ElementTree.parse(report).iter("testcase"):  # noqa: S314  our own report
            file = case.get("classname", "").replace(".", "/") + ".py"
            function = case.get("name", "").partition("[")[0]
            found[f"{file}::{function}"] += float(case.get("time", 0))
    return found


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
