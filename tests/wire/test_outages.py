"""PostgreSQL is restarted, idle, read-only, away or hangs, or Redis is gone: what is answered
meanwhile, and after.

On servers of their own.
"""

import threading
import time
from collections.abc import Callable, Iterator

import httpx
import psycopg
import pytest

from tests.conftest import Server
from tests.idp.management.test_worker import soon
from tests.outages import Asker, Cluster, Line, cluster, redis
from tests.ports import free_port

pytestmark = pytest.mark.once
WELL = {"page": 200, "sign_in": 302, "token": 200, "userinfo": 401, "authorize": 400}
THREADS = 2


@pytest.fixture(scope="module")
def postgres(database: None) -> Iterator[Cluster]:
    with cluster() as running:
        yield running


@pytest.fixture
def serve(
    postgres: Cluster, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., Server]]:
    """Starts servers on that PostgreSQL."""
    servers: list[Server] = []

    def start(
        port: int | None = None, query: str = "", *, ready: bool = True, **environment: str
    ) -> Server:
        database = postgres.url.replace(str(postgres.port), str(port or postgres.port))
        server = Server(
            f"http://localhost:{free_port()}",
            tmp_path_factory.mktemp("server") / "log",
            "--threads",
            str(THREADS),
            DATABASE_URL=f"{database}?{query}",
            **{"CACHE_URL": "dbcache://django_cache", **environment},
        )
        servers.append(server)
        if ready:
            server.wait()
        return server

    yield start
    for server in servers:
        server.stop()


def readiness(server: Server) -> dict[str, str]:
    response = httpx.get(f"{server.issuer}/readyz", timeout=2)
    ready = response.json()
    assert (response.status_code == 200) == (ready["status"] in {"ok", "degraded"})
    return ready


def warm(asker: Asker) -> None:
    """Let every thread have a connection, and the process its keys."""
    for _ in range(2):
        assert asker.statuses() == WELL
    assert httpx.get(f"{asker.issuer}/jwks").status_code == 200


def test_no_request_fails_after_a_restart(postgres: Cluster, serve: Callable[..., Server]) -> None:
    server = serve()
    asker = Asker(server)
    warm(asker)
    postgres.stop()
    postgres.start()
    warm(asker)
    assert readiness(server) == {"status": "ok"}


def test_no_request_fails_where_the_server_ends_idle_sessions(
    postgres: Cluster, serve: Callable[..., Server]
) -> None:
    asker = Asker(serve())
    postgres.sql("ALTER SYSTEM SET idle_session_timeout = '600ms'", "SELECT pg_reload_conf()")
    try:
        for pause in (0.3, 0.7, 1.3):
            time.sleep(pause)
            assert asker.statuses() == WELL
    finally:
        postgres.sql("ALTER SYSTEM RESET idle_session_timeout", "SELECT pg_reload_conf()")


def test_no_request_fails_after_all_connections_were_ended(
    postgres: Cluster, serve: Callable[..., Server]
) -> None:
    """As with a failover: the database is there, and every connection is gone."""
    asker = Asker(serve())
    for _ in range(2):
        warm(asker)
        postgres.sql(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
        )
        warm(asker)


def test_no_request_fails_after_a_table_changed(
    postgres: Cluster, serve: Callable[..., Server]
) -> None:
    """Prepared statements that read a column of another type now are of no use any more."""
    asker = Asker(serve())
    for _ in range(4):
        warm(asker)
    alter = "ALTER TABLE accounts_user ALTER COLUMN name TYPE {}"
    postgres.sql(alter.format("text"))
    try:
        warm(asker)
    finally:
        postgres.sql(alter.format("varchar(200)"))
    warm(asker)


def test_while_it_is_away_the_answer_is_to_come_again(
    postgres: Cluster, serve: Callable[..., Server]
) -> None:
    server = serve()
    asker = Asker(server)
    warm(asker)
    postgres.stop()
    try:
        for ask in (asker.page, asker.sign_in, asker.authorize):
            answer = ask()
            assert answer.status_code == 503
            assert int(answer.headers["Retry-After"]) > 0
            assert answer.headers["Content-Type"].startswith("text/html")
            assert "no-store" in answer.headers["Cache-Control"]
            assert "try again" in answer.text
        for ask in (asker.token, asker.userinfo):
            answer = ask()
            assert answer.status_code == 503
            assert int(answer.headers["Retry-After"]) > 0
            assert "no-store" in answer.headers["Cache-Control"]
            assert answer.json()["error"] == "temporarily_unavailable"
        for path in ("/healthz", "/jwks", "/.well-known/openid-configuration"):
            assert httpx.get(server.issuer + path).status_code == 200
        assert readiness(server)["database"]
        assert "Traceback" not in server.log.read_text()
        assert server.logged(event="unavailable", part="database", path="/token")
    finally:
        postgres.start()
    assert asker.statuses() == WELL


def test_a_database_that_is_read_only_is_unready_and_left_when_it_is_not(
    postgres: Cluster, serve: Callable[..., Server]
) -> None:
    server = serve()
    asker = Asker(server)
    warm(asker)
    set_to = "ALTER SYSTEM SET default_transaction_read_only = {}"
    postgres.sql(set_to.format("on"), "SELECT pg_reload_conf()")
    try:
        soon(lambda: readiness(server)["status"] == "unready")
        assert asker.token().status_code == 503
        assert asker.sign_in().status_code == 503
    finally:
        postgres.sql(
            "SET default_transaction_read_only = off",
            set_to.format("off"),
            "SELECT pg_reload_conf()",
        )
    soon(lambda: readiness(server)["status"] == "ok")
    warm(asker)


def test_a_connection_that_is_read_only_is_replaced(
    postgres: Cluster, serve: Callable[..., Server]
) -> None:
    """What it leads to is a standby now, and new connections lead to the new primary."""
    may_write = "SET default_transaction_read_only = off"
    postgres.sql("ALTER ROLE signet SET default_transaction_read_only = on")
    try:
        server = serve(ready=False)
        asker = Asker(server)
        soon(lambda: _succeeds(asker.page))
        for _ in range(3):
            assert asker.token().status_code == 503
        assert readiness(server)["database"]
        assert server.logged(event="unavailable", part="database")
    finally:
        postgres.sql(may_write, "ALTER ROLE signet RESET default_transaction_read_only")
    warm(asker)
    assert readiness(server) == {"status": "ok"}


def test_everything_goes_on_without_redis(serve: Callable[..., Server]) -> None:
    port = free_port()
    with redis(port):
        server = serve(CACHE_URL=f"redis://127.0.0.1:{port}/0")
        asker = Asker(server)
        warm(asker)
        assert readiness(server) == {"status": "ok"}
    for _ in range(3):
        assert asker.statuses() == WELL
    ready = readiness(server)
    assert ready["status"] == "degraded"  # no process is taken out of service for it
    assert ready["cache"]
    with redis(port):
        soon(lambda: readiness(server) == {"status": "ok"})
        assert asker.statuses() == WELL


def test_what_the_address_of_the_database_says_counts(
    postgres: Cluster, serve: Callable[..., Server]
) -> None:
    """Without health checks and with an age, connections are not looked at but replaced."""
    asker = Asker(serve(query="conn_max_age=0&conn_health_checks=false"))
    assert asker.statuses() == WELL
    with_sessions = (
        "DO $$ BEGIN ASSERT (SELECT count(*) FROM pg_stat_activity"
        " WHERE usename = 'signet' AND pid <> pg_backend_pid()) <= 1; END $$"
    )
    soon(lambda: _succeeds(lambda: postgres.sql(with_sessions)))


def _succeeds(attempt: Callable[[], object]) -> bool:
    try:
        attempt()
    except Exception:  # noqa: BLE001
        return False
    return True


@pytest.fixture
def line(postgres: Cluster) -> Iterator[Line]:
    line = Line(postgres.port)
    yield line
    line.go_on()
    line.close()


def test_a_database_that_hangs_leaves_a_thread_for_health(
    postgres: Cluster, line: Line, serve: Callable[..., Server]
) -> None:
    server = serve(line.port, query="statement_timeout=4000")
    asker = Asker(server)
    warm(asker)
    line.hang()
    asking = [threading.Thread(target=asker.token) for _ in range(40)]
    asking += [threading.Thread(target=asker.page) for _ in range(40)]
    for thread in asking:
        thread.start()
    time.sleep(2.5)
    waited = []
    for _ in range(8):
        began = time.monotonic()
        assert httpx.get(f"{server.issuer}/healthz", timeout=5).status_code == 200
        waited.append(time.monotonic() - began)
        assert readiness(server)["status"] == "unready"
        assert time.monotonic() - began < 4
    assert max(waited) < 1.5, waited
    assert httpx.get(f"{server.issuer}/jwks", timeout=5).status_code == 200
    began = time.monotonic()
    for thread in asking:
        thread.join()
    assert time.monotonic() - began < 30
    line.go_on()
    soon(lambda: asker.statuses() == WELL)
    warm(asker)
    assert server.logged(event="database_does_not_answer")


def test_a_server_is_stopped_while_the_database_hangs(
    postgres: Cluster, line: Line, serve: Callable[..., Server]
) -> None:
    server = serve(line.port)
    asker = Asker(server)
    warm(asker)
    line.hang()
    asking = threading.Thread(target=lambda: _succeeds(asker.token))
    asking.start()
    time.sleep(0.5)
    began = time.monotonic()
    server.process.terminate()
    server.process.wait(30)
    assert time.monotonic() - began < 20
    asking.join()


def test_a_statement_that_takes_too_long_is_ended_where_requests_are_served(
    postgres: Cluster, serve: Callable[..., Server]
) -> None:
    asker = Asker(serve(query="lock_timeout=300"))
    warm(asker)
    with psycopg.connect(postgres.url) as other:
        other.execute("LOCK TABLE idp_accesstoken")
        began = time.monotonic()
        assert asker.token().status_code == 503
        assert time.monotonic() - began < 3
        assert asker.page().status_code == 200
    assert asker.token().status_code == 200


def test_a_schema_behind_the_code_is_said_and_refused(
    postgres: Cluster, serve: Callable[..., Server]
) -> None:
    server = serve()
    newest = "(SELECT id FROM django_migrations WHERE app = 'idp' ORDER BY name DESC LIMIT 1)"
    postgres.sql(f"UPDATE django_migrations SET app = 'kept' WHERE id = {newest}")
    try:
        assert readiness(server)["schema"]
        with pytest.raises(RuntimeError, match=r"behind the code.*manage.py migrate"):
            serve()
    finally:
        postgres.sql("UPDATE django_migrations SET app = 'idp' WHERE app = 'kept'")
    assert readiness(server) == {"status": "ok"}


def test_keys_that_cannot_be_opened(postgres: Cluster, serve: Callable[..., Server]) -> None:
    """It is said and refused at the start; later, keys of another make the process unready."""
    with pytest.raises(RuntimeError, match=r"No key of IDP_SECRET_KEYS opens .*nothing was chang"):
        serve(IDP_SECRET_KEYS="another-key-than-the-one-that-sealed-them")
    server = serve()
    postgres.sql("UPDATE idp_signingkey SET private_sealed = private_sealed || 'x'")
    try:
        assert readiness(server)["keys"]
        assert server.logged(event="key_not_opened")
    finally:
        postgres.sql("UPDATE idp_signingkey SET private_sealed = rtrim(private_sealed, 'x')")
    assert readiness(server) == {"status": "ok"}


def test_serve_says_that_there_is_no_database(serve: Callable[..., Server]) -> None:
    with pytest.raises(RuntimeError, match=r"database can't be used: .*refused"):
        serve(free_port())
