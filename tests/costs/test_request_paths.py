"""How much code a request runs through: what a reader of the hottest requests has to follow."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT, make_sqlite_database


@pytest.mark.once
def test_the_hottest_requests_stay_within_their_limits(tmp_path: Path) -> None:
    database = tmp_path / "db.sqlite3"
    make_sqlite_database(database)
    command = [sys.executable, "scripts/request_paths.py", "--check", "--database", str(database)]
    subprocess.run(command, cwd=ROOT, check=True)
