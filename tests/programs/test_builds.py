"""Builds and installations end: one that hangs fails with what it printed."""

from pathlib import Path

import pytest

from tests.interop.conftest import build

pytestmark = pytest.mark.once


def test_what_hangs_is_stopped_with_its_own_processes(tmp_path: Path) -> None:
    hanging = "echo begun; sleep 600 & echo $! > pid; wait"
    with pytest.raises(TimeoutError, match=r"took more than 1 seconds:\nbegun"):
        build(tmp_path, "sh", "-c", hanging, timeout=1)
    process = Path("/proc") / (tmp_path / "pid").read_text().strip() / "stat"
    assert not process.exists() or process.read_text().split()[2] == "Z"


def test_what_fails_shows_what_it_printed(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="no such thing"):
        build(tmp_path, "sh", "-c", "echo no such thing >&2; exit 3")
