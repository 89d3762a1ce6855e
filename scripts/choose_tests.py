"""Choose the test files that run on SQLite, too: they send each kind of statement that all send.

    mkdir /tmp/record
    RECORD_STATEMENTS=/tmp/record .venv/bin/pytest -n 4 --dist loadfile \\
      -m "not scale and not browser and not interop" --junitxml=/tmp/record/times.xml
    .venv/bin/python scripts/choose_tests.py /tmp/record

Reads what a whole run on SQLite recorded (tests/recording.py) and how long each file took, and
writes `tests/on_postgresql_only.txt`: the files that send no kind of statement to SQLite which no
other file sends. What is in no record runs on both databases.
"""

import sys
import xml.etree.ElementTree as ElementTree
from collections import defaultdict
from pathlib import Path

TESTS = Path(__file__).resolve().parent.parent / "tests"
#: Always on both: what races, crashes, or counts statements is about the database itself.
BOTH = (
    "tests/races/",
    "tests/costs/",
    "tests/foundation/",
    "tests/attacks/test_crashes.py",
    "tests/idp/management/test_processes.py",
    "tests/idp/management/test_serve.py",
    "tests/idp/management/test_worker.py",
)
HEADER = (
    "# Written by scripts/choose_tests.py: whatever these send to SQLite, other files send, too.\n"
)


def main(directory: Path) -> None:
    """Choose greedily, the most new statements for the time first."""
    statements = recorded(directory)
    seconds = times(directory / "times.xml")
    chosen = {file for file in statements if file.startswith(BOTH)}
    left = set().union(*statements.values()) - set().union(*(statements[f] for f in chosen))
    while left:
        best = max(
            statements.keys() - chosen,
            key=lambda file: (len(statements[file] & left) / (seconds[file] + 0.1), file),
        )
        chosen.add(best)
        left -= statements[best]
    others = sorted(statements.keys() - chosen)
    (TESTS / "on_postgresql_only.txt").write_text(HEADER + "".join(f"{f}\n" for f in others))
    of_chosen, of_all = (sum(seconds[f] for f in files) for files in (chosen, statements))
    print(f"{len(chosen)} of {len(statements)} files, {of_chosen:.0f} of {of_all:.0f} s.")


def recorded(directory: Path) -> dict[str, set[str]]:
    """Return the statements of each test file."""
    found: dict[str, set[str]] = defaultdict(set)
    for log in directory.glob("*.log"):
        for line in log.read_text().splitlines():
            file, _, statement = line.partition(" ")
            found[file].add(statement)
    return found


def times(report: Path) -> dict[str, float]:
    """Return how many seconds each test file took, by pytest's report."""
    found: dict[str, float] = defaultdict(float)
    for case in ElementTree.parse(report).iter("testcase"):  # noqa: S314  our own report
        file = case.get("classname", "").replace(".", "/") + ".py"
        found[file] += float(case.get("time", 0))
    return found


if __name__ == "__main__":
    main(Path(sys.argv[1]))
