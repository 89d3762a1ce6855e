"""PostgreSQL fails over to a synchronous standby under load, by Patroni."""

import time
from pathlib import Path

from tests.scale.load import LOST, load, report, whole
from tests.scale.patroni import TTL, managed
from tests.scale.site import running_site

#: Seconds within which errors stop (docs/operators/high-availability.md): of a switchover, and
#: beyond Patroni's `ttl` of the primary's sudden end.
SWITCHOVER, BEYOND_TTL = 10, 15


def test_the_standby_takes_over(tmp_path: Path) -> None:
    """First as for maintenance, then since the primary's machine has gone out."""
    with managed() as postgres, running_site(tmp_path, DATABASE_URL=postgres.url) as site:
        with load(site.issuer) as running:
            before = running.go_on(4)
            switched_at = time.monotonic()
            postgres.switch_over()
            running.go_on(3)
            postgres.wait_for_standby()
            running.go_on(3)
            switchover = running.record.last_failure(switched_at)
            print(f"switchover: errors for {switchover:.1f} s; {running.record.told(switched_at)}")
            at = time.monotonic()
            postgres.primary.kill()
            assert postgres.primary  # the other one, by now
            running.go_on(5)
            after = running.go_on(4)
        failover = running.record.last_failure(at)
        print(f"failover: errors for {failover:.1f} s; {running.record.told(at)}")
        report(running, before, after)
        assert running.record.failures(at), "the primary was gone"
        assert switchover <= SWITCHOVER
        assert failover <= TTL + BEYOND_TTL
        assert running.record.recovers(before, after)
        whole(running, codes_lost=(at - LOST, at))
