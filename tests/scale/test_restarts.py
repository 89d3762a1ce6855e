"""PostgreSQL and Redis are restarted, or gone for a while, or read-only, under load."""

import time

import httpx
import psycopg
import pytest

from tests.outages import Cluster, redis
from tests.scale.load import LOST, App, load, report, whole
from tests.scale.record import Record
from tests.scale.site import Site

#: Seconds after it is back within which errors stop (docs/operators/high-availability.md).
ERRORS_STOP_WITHIN = 1
#: What can be asked again without harm: the first answer after a restart is a success.
READS = ("/userinfo", "/introspect", "/.well-known/openid-configuration", "/jwks")
#: How long Redis is gone, in seconds.
GONE = 60


@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_postgresql_restarts(site: Site, postgres: Cluster, mode: str) -> None:
    """In `immediate` mode it crashes, and recovers from its log."""
    with load(site.issuer) as running:
        before = running.go_on(4)
        at = time.monotonic()
        postgres.stop(mode)
        running.go_on(2)
        postgres.start()
        back = time.monotonic()
        running.go_on(ERRORS_STOP_WITHIN + 2)
        after = running.go_on(4)
    report(running, before, after)
    print(
        f"back after {back - at:.1f} s, then errors for {running.record.last_failure(back):.2f} s"
    )
    print(running.record.told(at))
    assert running.record.failures(at, back), "it was gone"
    assert not running.record.failures(back, float("inf"), *READS), running.record.told(back)
    assert running.record.last_failure(back) <= ERRORS_STOP_WITHIN, running.record.told(back)
    assert running.record.recovers(before, after)
    whole(running, codes_lost=(at - LOST, at) if mode == "immediate" else None)


def test_the_first_answer_after_a_restart_is_a_success(site: Site, postgres: Cluster) -> None:
    """Of each connection that idled meanwhile: there are four in each process."""
    with load(site.issuer) as running:
        pass
    [token] = [
        grant.access_token
        for visit in running.ledger.visits
        for grant in visit.grants
        if grant.access_token and not visit.may_be_signed_out
    ][-1:]
    for pause in (0.0, 3.0):
        postgres.stop()
        postgres.start()
        time.sleep(pause)
        for server in site.servers:
            app = App(server.issuer, Record())
            for _ in range(6):
                assert app.get("/userinfo", token).status_code == 200
                assert app.is_active(token)
                assert app.get("/.well-known/openid-configuration").status_code == 200


def test_redis_restarts_and_is_gone_for_a_minute(site: Site, redis_port: int) -> None:
    """Sign-ins and tokens go on: nothing of theirs is in the cache."""
    with load(site.issuer) as running:
        with redis(redis_port):
            before = running.go_on(4)
        with redis(redis_port):
            running.go_on(3)
        running.go_on(GONE / 2)
        ready = httpx.get(f"{site.servers[0].issuer}/readyz")
        assert ready.status_code == 200
        assert ready.json()["status"] == "degraded"
        running.go_on(GONE / 2)
        with redis(redis_port):
            after = running.go_on(4)
    report(running, before, after)
    assert not running.record.failures(0), running.record.told()
    assert running.record.recovers(before, after)
    whole(running)


READ_ONLY = "ALTER SYSTEM SET default_transaction_read_only = on"
WRITABLE = "ALTER SYSTEM RESET default_transaction_read_only"


def test_the_database_is_read_only_for_a_while(site: Site, postgres: Cluster) -> None:
    with load(site.issuer) as running:
        before = running.go_on(4)
        at = time.monotonic()
        _set(postgres, READ_ONLY)
        running.go_on(4)
        assert httpx.get(f"{site.servers[0].issuer}/readyz").status_code == 503
        _set(postgres, WRITABLE)
        back = time.monotonic()
        running.go_on(ERRORS_STOP_WITHIN + 2)
        after = running.go_on(4)
    report(running, before, after)
    print(f"then errors for {running.record.last_failure(back):.2f} s; {running.record.told(at)}")
    assert running.record.failures(at, back), "nothing was written meanwhile"
    assert {one.result for one in running.record.failures(at)} == {503}
    assert running.record.last_failure(back) <= ERRORS_STOP_WITHIN, running.record.told(back)
    assert running.record.recovers(before, after)
    whole(running)


def _set(postgres: Cluster, statement: str) -> None:
    with psycopg.connect(postgres.url, autocommit=True) as connection:
        connection.execute("SET default_transaction_read_only = off")
        connection.execute(statement)  # type: ignore[call-overload]
        connection.execute("SELECT pg_reload_conf()")
