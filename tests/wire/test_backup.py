"""Backup and restore, as docs/operators/backups.md has them: under load; and with wrong keys."""

import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psycopg
import pytest
from django.db import connection

from tests import relying_party
from tests.conftest import Server, database_url
from tests.outages import manage, postgresql_program
from tests.ports import free_port
from tests.relying_party import Browser, RelyingParty, make_client, make_user_with_app, unique

pytestmark = pytest.mark.scale
OTHER_KEYS = "keys-of-another-installation-of-signet-0123456789"


@pytest.fixture(autouse=True)
def on_postgresql() -> None:
    if connection.vendor != "postgresql":
        pytest.skip("is about pg_dump")


@contextmanager
def load(ask: Callable[[], httpx.Response]) -> Iterator[list[int]]:
    """Ask again and again meanwhile, and collect the statuses."""
    statuses: list[int] = []
    over = threading.Event()

    def go_on() -> None:
        while not over.is_set():
            statuses.append(ask().status_code)

    asking = [threading.Thread(target=go_on) for _ in range(2)]
    for thread in asking:
        thread.start()
    try:
        yield statuses
    finally:
        over.set()
        for thread in asking:
            thread.join()


@pytest.fixture
def empty_database() -> Iterator[str]:
    """The URL of a database on which nothing was restored yet."""
    name = unique("restored").replace("-", "_").lower()
    with psycopg.connect(database_url(), autocommit=True) as here:
        here.execute(f"CREATE DATABASE {name} TEMPLATE template0")  # type: ignore[call-overload]
        yield database_url().rpartition("/")[0] + f"/{name}"
        here.execute(f"DROP DATABASE {name} WITH (FORCE)")  # type: ignore[call-overload]


def keys_of(url: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url) as database:
        return database.execute("SELECT * FROM idp_signingkey ORDER BY kid").fetchall()


def test_a_dump_under_load_is_restored_and_everything_goes_on(
    provider: Server, empty_database: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    user = make_user_with_app()
    client = make_client(grant_types=["authorization_code", "refresh_token", "client_credentials"])
    with Browser() as browser:
        app = RelyingParty(client, browser, user)
        tokens = app.tokens(scope="openid offline_access")
    dump = tmp_path / "signet.dump"
    with load(lambda: app.token(grant_type="client_credentials")) as statuses:
        backup = [
            postgresql_program("pg_dump"),
            "--format=custom",
            f"--file={dump}",
            database_url(),
        ]
        subprocess.run(backup, check=True)
    assert set(statuses) == {200}
    restore = [
        postgresql_program("pg_restore"),
        "--no-owner",
        "--exit-on-error",
        "--single-transaction",
    ]
    subprocess.run([*restore, f"--dbname={empty_database}", str(dump)], check=True)
    manage(empty_database, "migrate", "--verbosity", "0")

    before = keys_of(empty_database)
    issuer = f"http://localhost:{free_port()}"
    with pytest.raises(RuntimeError, match=r"No key of IDP_SECRET_KEYS opens .*nothing was chang"):
        Server(
            issuer, tmp_path / "refused", DATABASE_URL=empty_database, IDP_SECRET_KEYS=OTHER_KEYS
        ).wait()
    with monkeypatch.context() as patched:
        patched.setitem(os.environ, "IDP_SECRET_KEYS", OTHER_KEYS)
        with pytest.raises(subprocess.CalledProcessError):
            manage(empty_database, "worker", "--once")
    assert keys_of(empty_database) == before

    server = Server(issuer, tmp_path / "log", DATABASE_URL=empty_database)
    server.wait()
    monkeypatch.setattr(relying_party, "ISSUER", issuer)
    assert app.refresh(tokens["refresh_token"]).status_code == 200
    with Browser(issuer) as browser:
        again = RelyingParty(client, browser, user).tokens()
    assert app.userinfo(again["access_token"]).json()["sub"] == user.sub
    server.stop()
