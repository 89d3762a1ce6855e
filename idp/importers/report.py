"""The report of an import: which rows could not be taken, or not wholly, and why."""

import csv
import json
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import IO

from foundation.plain_text import made_visible


class Outcome(StrEnum):
    """What became of a row."""

    ADDED = "added"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    LEFT_OUT = "left out"
    #: Added, changed or unchanged, but something of it is not taken.
    PARTLY = "partly taken"


@dataclass(frozen=True)
class Told:
    """What is told of a row."""

    row: int
    kind: str
    what: str
    outcome: Outcome
    reason: str = ""


#: Spreadsheets run a cell that begins like this as a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_LONGEST = 1000


class Report:
    """Counts outcomes, and writes a line for each row that was not taken wholly."""

    def __init__(self, file: IO[str] | None = None, *, is_csv: bool = False) -> None:
        self.counts: Counter[tuple[str, Outcome]] = Counter()
        self._write: Callable[[dict[str, object]], object] = lambda _: None
        if file is not None and is_csv:
            writer = csv.DictWriter(file, ["row", "kind", "what", "outcome", "reason"])
            writer.writeheader()
            self._write = lambda told: writer.writerow({n: _cell(v) for n, v in told.items()})
        elif file is not None:
            self._write = lambda told: file.write(json.dumps(told, ensure_ascii=False) + "\n")

    def add(self, told: Iterable[Told]) -> list[Told]:
        """Count outcomes; return those that are in the report, with visible characters alone."""
        shown = []
        for it in told:
            self.counts[it.kind, it.outcome] += 1
            if it.outcome in {Outcome.LEFT_OUT, Outcome.PARTLY}:
                what, reason = made_visible(it.what[:340]), made_visible(it.reason[:_LONGEST])
                visible = Told(it.row, it.kind, what, it.outcome, reason)
                self._write(asdict(visible))
                shown.append(visible)
        return shown

    def number(self, outcome: Outcome) -> int:
        """Return how many rows have an outcome."""
        return sum(number for (_, its), number in self.counts.items() if its is outcome)

    def lines(self) -> list[str]:
        """Return a line for each kind of row: how many have which outcome."""
        kinds = dict.fromkeys(kind for kind, _ in self.counts)
        return [
            f"{kind}: "
            + ", ".join(
                f"{number} {outcome}"
                for outcome in Outcome
                if (number := self.counts[kind, outcome])
            )
            for kind in kinds
        ]


def is_csv(path: Path) -> bool:
    """Whether a report's name asks for CSV; all others are lines of JSON."""
    return path.suffix.lower() == ".csv"


def _cell(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value
