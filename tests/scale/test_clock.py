"""The clock of Signet's machines is stepped by five minutes under load."""

import json
import struct
import subprocess
import time
from base64 import urlsafe_b64decode
from pathlib import Path

import pytest

from tests.outages import Cluster
from tests.scale.load import Load, load, report, whole
from tests.scale.site import running_site

SOURCE = Path(__file__).with_name("stepped_clock.c")
STEP = 300
#: Seconds within which a code is acknowledged that was made before.
IN_FLIGHT = 2


class Clock:
    """The clock of all processes that have its environment; they measure durations by another."""

    def __init__(self, folder: Path) -> None:
        library = folder / "stepped_clock.so"
        subprocess.run(["cc", "-shared", "-fPIC", "-o", str(library), str(SOURCE)], check=True)
        self._file = folder / "step"
        self.step(0)
        self.environment = {"LD_PRELOAD": str(library), "SIGNET_STEP": str(self._file)}

    def step(self, seconds: int) -> None:
        """Set it as far ahead, at once; processes have the file in their memory."""
        with self._file.open("r+b" if self._file.exists() else "wb") as file:
            file.write(struct.pack("l", seconds))


def issued_at(running: Load, tokens_at: float) -> float:
    """Return when an ID token was issued, as it says itself."""
    [token] = [
        grant.id_token
        for visit in running.ledger.visits
        for grant in visit.grants
        if grant.tokens_at == tokens_at and grant.id_token
    ]
    payload = token.split(".")[1]
    return float(json.loads(urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["iat"])


@pytest.mark.parametrize("step", [STEP, -STEP])
def test_a_step_costs_no_more_than_codes(postgres: Cluster, tmp_path: Path, step: int) -> None:
    """Codes live for a minute: those on the way expire when the clock jumps ahead."""
    clock = Clock(tmp_path)
    with running_site(tmp_path, DATABASE_URL=postgres.url, **clock.environment) as site:
        with load(site.issuer) as running:
            before = running.go_on(4)
            clock.step(step)
            stepped_at = time.monotonic()
            after = running.go_on(6)
        report(running, before, after)
        print(f"{step:+} s: {running.record.told()}; refused: {running.ledger.broken}")
        assert not running.record.failures(0), running.record.told()
        assert running.record.recovers(before, after)
        whole(running, codes_lost=(0, stepped_at + IN_FLIGHT) if step > 0 else None)
        newest = max(grant.tokens_at for visit in running.ledger.visits for grant in visit.grants)
        assert issued_at(running, newest) - time.time() == pytest.approx(step, abs=STEP / 2)
