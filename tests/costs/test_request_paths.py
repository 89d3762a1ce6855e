"""How much code a request runs through: what a reader of the hottest requests has to follow."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import ROOT, make_sqlite_database


@pytest.mark.once
def test_the_hottest_requests_stay_within_their_limits(tmp_path: Path) -> None:
    make_sqlite_database(tmp_path / "db.sqlite3")
    subprocess.run(
        [sys.executable, "scripts/request_paths.py", "--check"],
        cwd=ROOT,
        env={**_without_ours(), "DATABASE_URL": f"sqlite:///{tmp_path}/db.sqlite3"},
        check=True,
    )


def _without_ours() -> dict[str, str]:
    """Return the environment without the settings of this test run."""
    return {name: value for name, value in os.environ.items() if not name.startswith("IDP_")}
