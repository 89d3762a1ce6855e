"""The disk of SQLite is full under load: nothing acknowledged is lost; with space it goes on."""

import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import pytest

from tests.conftest import make_sqlite_database
from tests.outages import manage
from tests.scale.load import DECLARED, load, report, whole
from tests.scale.site import Site, running_site

#: Seconds after there is space again within which errors stop.
ERRORS_STOP_WITHIN = 5
SIZE = "48m"


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(folder)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("may not mount a small disk")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@contextmanager
def full(disk: Path) -> Iterator[None]:
    """Leave no byte free on the disk while the block lasts."""
    filling = disk / "filling"
    with filling.open("wb", buffering=0) as file:
        for size in (1 << 20, 4096, 1):
            with suppress(OSError):
                while file.write(b"\0" * size):
                    pass
    try:
        yield
    finally:
        filling.unlink()


def readiness(site: Site, seconds: float) -> list[dict[str, str]]:
    """Ask whether the process is ready, again and again; SQLite finds room now and then."""
    end, answers = time.monotonic() + seconds, []
    while time.monotonic() < end:
        answers.append(httpx.get(f"{site.servers[0].issuer}/readyz", timeout=30).json())
        time.sleep(0.2)
    return answers


def test_a_full_disk(small_disk: Path, tmp_path: Path) -> None:
    database = f"sqlite:///{small_disk}/db.sqlite3"
    declared = tmp_path / "declared.yaml"
    declared.write_text(DECLARED)
    make_sqlite_database(small_disk / "db.sqlite3")
    manage(database, "apply", str(declared))
    with running_site(
        tmp_path, number=1, DATABASE_URL=database, CACHE_URL="dbcache://django_cache"
    ) as site:
        with load(site.issuer) as running:
            before = running.go_on(4)
            at = time.monotonic()
            with full(small_disk):
                assert httpx.get(f"{site.servers[0].issuer}/healthz").status_code == 200
                ready = readiness(site, 4)
            back = time.monotonic()
            running.go_on(ERRORS_STOP_WITHIN)
            after = running.go_on(4)
        report(running, before, after)
        print(ready, running.record.told(at))
        print(f"errors until {running.record.last_failure(back):.1f} s after")
        assert {one.result for one in running.record.failures(at)} == {503}
        assert {"status": "unready", "database": "OperationalError"} in ready
        assert running.record.last_failure(back) <= ERRORS_STOP_WITHIN, running.record.told(back)
        assert running.record.recovers(before, after)
        whole(running)
        assert "Traceback" not in site.servers[0].log.read_text()
