"""A rolling restart from earlier code to this one under load loses no request.

As docs/operators/upgrading.md has it. The earlier code is that before the newest migration.
"""

import io
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT
from tests.outages import Cluster, cluster, manage
from tests.scale.load import DECLARED, load, report, whole
from tests.scale.site import Site, running_site


def git(*arguments: str) -> bytes:
    return subprocess.run(["git", *arguments], cwd=ROOT, check=True, capture_output=True).stdout


@pytest.fixture(scope="module")
def earlier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The code before the newest migration."""
    try:
        added = ["log", "-1", "--diff-filter=A", "--format=%H", "--", "*/migrations/0*.py"]
        archive = git("archive", f"{git(*added).decode().strip()}^")
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("needs git's history of this code")
    folder = tmp_path_factory.mktemp("earlier")
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        tar.extractall(folder, filter="data")
    return folder


@pytest.fixture
def postgres(database: None, earlier: Path) -> Iterator[Cluster]:
    """A database with the tables of the earlier code."""
    with cluster(DECLARED, earlier) as running:
        yield running


def replace(site: Site, number: int) -> None:
    """Drain one process, replace it by one of this code, and let requests go to it again."""
    site.balance(drained=number)
    site.servers[number].stop()
    site.start(number)
    site.balance()


def test_no_request_is_lost(postgres: Cluster, earlier: Path, tmp_path: Path) -> None:
    with running_site(tmp_path, root=earlier, DATABASE_URL=postgres.url) as site:
        with load(site.issuer) as running:
            before = running.go_on(4)
            manage(postgres.url, "migrate", "--verbosity", "0")
            for number in range(len(site.servers)):
                replace(site, number)
            site.worker.terminate()
            site.worker.wait(30)
            site.start_worker()
            after = running.go_on(4)
        report(running, before, after)
        assert not running.record.failures(0), running.record.told()
        assert running.record.recovers(before, after)
        whole(running)
