"""What an import shows of its progress: a bar on a terminal, and elsewhere a line now and then."""

from io import StringIO

import pytest
from django.core.management.base import OutputWrapper

from idp.importers import progress
from idp.importers.progress import Bar, Reached


class Screen(StringIO):
    """What is written to a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    at = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: at[0])
    monkeypatch.setenv("COLUMNS", "60")
    return at


def test_a_bar_on_a_terminal(clock: list[float]) -> None:
    screen, reached = Screen(), Reached()
    bar = Bar(OutputWrapper(screen), reached)
    bar.show(0)  # nothing yet: it has just begun
    clock[0] = 60.0
    reached.tell(0.5, number=1, of=2)  # of the second of two files
    bar.show(30_000)
    shown = "[###############.....]  75%  30,000 rows, 500 a second, 20 s left"
    assert screen.getvalue() == f"\r\x1b[K{shown[:59]}"
    bar.clear()
    assert screen.getvalue().endswith("\r\x1b[K")


def test_lines_elsewhere(clock: list[float]) -> None:
    log, reached = StringIO(), Reached()
    bar = Bar(OutputWrapper(log), reached)
    for second in range(21):
        clock[0] = float(second)
        reached.tell(second / 100)
        bar.show(second * 1000)
    bar.clear()
    assert log.getvalue().splitlines() == [
        " 10%  10,000 rows, 1,000 a second, 1 min 30 s left",
        " 20%  20,000 rows, 1,000 a second, 1 min 20 s left",
    ]
