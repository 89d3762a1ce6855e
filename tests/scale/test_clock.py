"""The clock of Signet's machines is stepped by five minutes under load, by libfaketime."""

import time
from pathlib import Path

import pytest

from tests.outages import Cluster
from tests.scale.load import load, report, whole
from tests.scale.site import running_site

#: Where Debian's package `libfaketime` has it.
LIBRARIES = "/usr/lib/*/faketime/libfaketimeMT.so.1"
STEP = 300


@pytest.mark.parametrize("step", [STEP, -STEP])
def test_a_step_costs_no_more_than_codes(postgres: Cluster, tmp_path: Path, step: int) -> None:
    """Codes live for a minute: those on the way expire when the clock jumps ahead."""
    ahead = tmp_path / "ahead"
    ahead.write_text("+0")
    libraries = sorted(Path("/").glob(LIBRARIES.removeprefix("/")))
    assert libraries, "libfaketime is missing; scripts/test installs it"
    faked = {
        "LD_PRELOAD": str(libraries[0]),
        "FAKETIME_TIMESTAMP_FILE": str(ahead),
        "FAKETIME_NO_CACHE": "1",
        "DONT_FAKE_MONOTONIC": "1",  # no clock is stepped by which durations are measured
    }
    with running_site(tmp_path, DATABASE_URL=postgres.url, **faked) as site:
        with load(site.issuer) as running:
            before = running.go_on(4)
            ahead.write_text(f"{step:+}")
            stepped = time.monotonic()
            after = running.go_on(6)
        report(running, before, after)
        print(f"{step:+} s: {running.record.told(0)}; {running.ledger.broken}")
        assert not running.record.failures(0), running.record.told()
        assert running.record.recovers(before, after)
        whole(running, codes_lost=(0, stepped) if step > 0 else None)
