"""`manage.py serve`, killed in the midst of a sign-out: it is whole, or has not happened."""

import os
import signal
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import pytest
from django.core.management import call_command
from django.db import connection, transaction

from accounts.models import Session
from idp.models import Delivery
from tests.conftest import Server
from tests.elsewhere import Elsewhere
from tests.idp.management.test_worker import children_of, soon
from tests.ports import free_port
from tests.relying_party import Browser, EndUser, RelyingParty, forms_of, make_client, unique


@contextmanager
def deliveries_hang() -> Iterator[Callable[[], bool]]:
    """Let a request that writes deliveries come no further; the function says whether one does."""
    vendor = {"sqlite": _hang_in_a_trigger, "postgresql": _hang_on_a_lock}
    with vendor[connection.vendor]() as is_hanging:
        yield is_hanging


@contextmanager
def _hang_on_a_lock() -> Iterator[Callable[[], bool]]:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("LOCK TABLE idp_delivery IN SHARE MODE")

        def is_hanging() -> bool:
            cursor.execute(
                "SELECT 1 FROM pg_locks WHERE relation = 'idp_delivery'::regclass AND NOT granted"
            )
            return cursor.fetchone() is not None

        yield is_hanging


@contextmanager
def _hang_in_a_trigger() -> Iterator[Callable[[], bool]]:
    """Count without end after the first row, where SQLite has no lock to wait for but the first."""
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE VIEW without_end AS WITH RECURSIVE n(i) AS"
            " (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n"
        )
        cursor.execute(
            "CREATE TRIGGER hang AFTER INSERT ON idp_delivery"
            " BEGIN SELECT count(*) FROM without_end; END"
        )
    try:
        yield lambda: all(_is_locked() for _ in range(5))
    finally:
        with connection.cursor() as cursor:
            cursor.execute("DROP TRIGGER hang")
            cursor.execute("DROP VIEW without_end")


def _is_locked() -> bool:
    time.sleep(0.1)
    other = sqlite3.connect(connection.settings_dict["NAME"], timeout=0)
    try:
        other.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError:
        return True
    finally:
        other.close()
    return False


def kill(server: Server) -> None:
    """Kill all of its processes at once; the one that would start others again first."""
    processes = [server.process.pid, *children_of(server.process.pid)]
    for pid in processes:
        os.kill(pid, signal.SIGKILL)
    server.process.wait()
    soon(lambda: not any(Path(f"/proc/{pid}").exists() for pid in processes))


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Callable[[], Server]]:
    """Starts servers at one address, one after the other."""
    issuer = f"http://localhost:{free_port()}"
    servers: list[Server] = []

    def serve() -> Server:
        servers.append(Server(issuer, tmp_path / f"log{len(servers)}"))
        servers[-1].wait()
        return servers[-1]

    yield serve
    for server in servers:
        server.stop()


def test_a_server_that_is_killed_in_mid_logout_ended_nothing_by_half(
    served: Callable[[], Server], browser: Browser, user: EndUser, foreign_site: Elsewhere
) -> None:
    paths = [f"/{unique('told')}" for _ in range(3)]
    clients = [
        make_client(backchannel_logout_uri=foreign_site.says(path, b""), first_party=True)
        for path in paths
    ]
    apps = [RelyingParty(client, browser, user) for client in clients]
    tokens = [app.tokens()["access_token"] for app in apps]
    session = Session.objects.get(user__email=user.email)

    def sign_out(server: Server) -> None:
        page = browser.get(f"{server.issuer}/account/logout/")
        form = next(form for form in forms_of(page) if "confirm-logout" in form.buttons)
        with suppress(httpx.TransportError):
            browser.post(str(page.url), data=form.fields, headers={"Origin": server.issuer})

    server = served()
    with deliveries_hang() as is_hanging:
        signing_out = threading.Thread(target=sign_out, args=[server])
        signing_out.start()
        soon(is_hanging)
        kill(server)
        signing_out.join()
    session.refresh_from_db()
    due = Delivery.objects.filter(client__client_id__in=[client.client_id for client in clients])
    assert (session.ended_at, due.count()) == (None, 0)
    assert apps[0].userinfo(tokens[0]).status_code == 200

    sign_out(served())
    session.refresh_from_db()
    assert session.ending == "signed-out"
    assert due.count() == 3
    call_command("worker", "--once")
    assert [len(foreign_site.forms(path)) for path in paths] == [1, 1, 1]
    assert apps[0].userinfo(tokens[0]).status_code == 401
