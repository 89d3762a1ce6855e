"""The harness: one database and one real server a test process; every test makes rows of its own.

Nothing is rolled back or flushed between tests, so that what they see is what a server in use sees.
No secret that a run used may be in a server's log or in an event.
"""

import atexit
import gc
import json
import logging
import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from django.conf import settings
from django.test.utils import setup_databases, teardown_databases

from tests import recording, secrecy, statements
from tests.elsewhere import Authority, Elsewhere
from tests.elsewhere import running as running_elsewhere
from tests.relying_party import Browser, EndUser, RelyingParty, make_client, make_user

ROOT = Path(__file__).parent.parent


#: What asks no database, or one of its own, so that it makes no difference which there is.
WITHOUT_DATABASE = (
    "/tests/test_texts.py",
    "/tests/test_secrecy.py",
    "/tests/test_own_project.py",
    "/tests/foundation/test_uuids_as_text.py",
    "/tests/attacks/test_server_errors.py",
    "/tests/idp/importers/test_progress.py",
    "/tests/idp/test_deploy_checks.py",
    "/tests/idp/test_issuer.py",
    "/tests/idp/test_fetching.py",
    "/tests/idp/test_outbound.py",
    "/tests/idp/protocol/",
    "/tests/idp/jose/",
)


#: What measures a server under load or lets its database fail: `make test-scale`.
SCALE = (
    "/tests/attacks/test_slow_hosts.py",
    "/tests/races/test_apply_under_load.py",
    "/tests/races/test_storms.py",
    "/tests/scale/",
    "/tests/wire/test_outages.py",
)


#: Of each file, what a run on SQLite does not leave out (scripts/choose_tests.py).
ON_SQLITE_TOO = {
    file: set(functions.split())
    for file, _, functions in (
        line.partition(":")
        for line in (ROOT / "tests/on_sqlite_too.txt").read_text().splitlines()
        if not line.startswith("#")
    )
}


#: A function with as many cases is a sweep; of its cases, `make test` runs one in so many, and
#: `make test-all` runs all.
SWEEP, ONE_IN = 5, 8


def pytest_configure() -> None:
    # There are many objects that stay, and looking through them for garbage takes a while.
    gc.set_threshold(50_000)
    atexit.register(gc.freeze)
    # A line for each request takes a twentieth of a test process's time, and nothing shows it.
    logging.getLogger("httpx").setLevel(logging.WARNING)


def pytest_collection_finish() -> None:
    gc.freeze()


def pytest_runtest_setup(item: pytest.Item) -> None:
    recording.name_test(_id_of(item))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    cases = Counter(map(_id_of, items))
    seen: Counter[str] = Counter()
    for item in items:
        for kind in ("browser", "interop"):
            if f"/tests/{kind}/" in str(item.path):
                item.add_marker(kind)
        if any(place in str(item.path) for place in SCALE):
            item.add_marker("scale")
        if any(place in str(item.path) for place in WITHOUT_DATABASE):
            item.add_marker("once")
        if _has_servers(item.path):
            item.fixturenames.insert(0, "slow_hosts_forgotten")  # type: ignore[attr-defined]
        number, seen[_id_of(item)] = seen[_id_of(item)], seen[_id_of(item)] + 1
        if cases[_id_of(item)] >= SWEEP and number % _one_in(item):
            item.add_marker("sweep")
        chosen = ON_SQLITE_TOO.get(_file_of(item))
        asks_one = item.get_closest_marker("once") is None
        if asks_one and chosen is not None and _function_of(item) not in chosen:
            item.add_marker("postgresql")


def _one_in(item: pytest.Item) -> int:
    """Return of how many cases of its function `make test` runs one: all of programs."""
    if item.get_closest_marker("interop") or item.get_closest_marker("programs"):
        return 1
    return ONE_IN


def _id_of(item: pytest.Item) -> str:
    return f"{_file_of(item)}::{_function_of(item)}"


def _file_of(item: pytest.Item) -> str:
    return str(item.path).removeprefix(f"{ROOT}/")


def _function_of(item: pytest.Item) -> str:
    return item.name.partition("[")[0]


@pytest.fixture(scope="session", autouse=True)
def database(
    django_test_environment: None, django_db_modify_db_settings: None, django_db_blocker: Any
) -> Iterator[None]:
    """Make a test database, open for the whole run: real transactions, nothing undone."""
    with django_db_blocker.unblock():
        # pytest-django keeps mail in memory; ours goes where the server's goes.
        settings.EMAIL_BACKEND = "django.core.mail.backends.filebased.EmailBackend"
        migrated = _copy_migrated_file()
        made = setup_databases(verbosity=0, interactive=False, aliases={"default"}, keepdb=migrated)
        yield
        leaks = secrecy.used.leaks(recorded_events())
        close_other_connections()
        teardown_databases(made, verbosity=0)
        assert not leaks, "\n".join(["Secrets in events:", *leaks])


def _copy_migrated_file() -> bool:
    """Begin with the SQLite database that scripts/test has migrated, if it has."""
    from django.db import connection

    template = os.environ.get("MIGRATED_SQLITE")
    if template is None or connection.vendor != "sqlite":
        return False
    shutil.copy(template, connection.settings_dict["TEST"]["NAME"])
    return True


def make_sqlite_database(path: Path) -> None:
    """Make a database with the present schema: a copy of the one that scripts/test has migrated."""
    if "MIGRATED_SQLITE" in os.environ:
        shutil.copy(os.environ["MIGRATED_SQLITE"], path)
        return
    settings = {"DJANGO_SETTINGS_MODULE": "tests.settings", "SIGNET_TEST_SERVER": "1"}
    subprocess.run(
        [sys.executable, "manage.py", "migrate", "--verbosity", "0"],
        cwd=ROOT,
        env={**os.environ, **settings, "DATABASE_URL": f"sqlite:///{path}"},
        check=True,
    )


def recorded_events(after: int = 0) -> str:
    """Return every column of every event after this id, a line each."""
    from idp.models import Event

    rows = Event.objects.filter(id__gt=after).order_by("id").values()
    return "\n".join(json.dumps(row, default=str) for row in rows)


def close_other_connections() -> None:
    """Close what tests left open: PostgreSQL drops no database in use."""
    from django.db import connection

    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )


def database_url() -> str:
    """Return the address of the database that this test process uses."""
    from django.db import connection

    config = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{config['NAME']}"
    return f"postgres://{config['USER']}@{config['HOST']}:{config['PORT']}/{config['NAME']}"


class Server:
    """`manage.py serve` as a process of its own, on this test process's database."""

    def __init__(
        self, issuer: str, log: Path, *arguments: str, root: Path = ROOT, **environment: str
    ) -> None:
        self.issuer = issuer
        self.log = log
        self.output = log.open("wb")
        self.process = subprocess.Popen(
            [
                sys.executable,
                "manage.py",
                "serve",
                "--bind",
                f"127.0.0.1:{urlsplit(issuer).port}",
                *arguments,
            ],
            cwd=root,
            stdout=self.output,
            stderr=subprocess.STDOUT,
            env={
                **os.environ,
                "DJANGO_SETTINGS_MODULE": "tests.settings",
                "SIGNET_TEST_SERVER": "1",
                "DATABASE_URL": database_url(),
                "IDP_ISSUER": issuer,
                **environment,
            },
        )

    def wait(self) -> None:
        until = time.monotonic() + 90  # on a busy machine it takes its time
        while time.monotonic() < until and self.process.poll() is None:
            with suppress(httpx.TransportError):
                if httpx.get(f"{self.issuer}/readyz", verify=False).status_code == 200:
                    return
            time.sleep(0.1)
        self.stop()
        raise RuntimeError(f"the server did not start:\n{self.log.read_text()}")

    def logged(self, **members: str) -> list[dict[str, Any]]:
        """Return the lines of the log with these members."""
        lines = [line for line in self.log.read_text().splitlines() if line.startswith("{")]
        return [line for line in map(json.loads, lines) if members.items() <= line.items()]

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
        self.output.close()
        leaks = secrecy.used.leaks(self.log.read_text(errors="replace"))
        assert not leaks, "\n".join([f"Secrets in the log of {self.issuer}:", *leaks])


@pytest.fixture(scope="session")
def provider(
    database: None, foreign_site: Elsewhere, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """A running provider at `settings.IDP_ISSUER`. No answer of it may ever be a 5xx."""
    server = Server(
        settings.IDP_ISSUER,
        tmp_path_factory.mktemp("server") / "log",
        "--threads",
        "8",
        IDP_SOFTWARE_STATEMENT_ISSUERS=statements.publish_keys(foreign_site),
    )
    server.wait()
    yield server
    server.stop()
    assert "Traceback" not in server.log.read_text(), server.log.read_text()[-8000:]


@pytest.fixture(scope="session")
def foreign_site() -> Iterator[Elsewhere]:
    """A web server that is not ours, which the provider may reach and trusts."""
    authority = Authority(Path(settings.IDP_OUTBOUND_CA_BUNDLE).parent)
    with running_elsewhere(authority.certify("localhost")) as server:
        yield server


@pytest.fixture
def slow_hosts_forgotten(database: None, foreign_site: Elsewhere) -> Iterator[None]:
    """Let the servers of this machine be asked again, though they were slow in another test.

    On a busy machine, they can be without meaning to. Every test of a file that has servers of its
    own begins so.
    """
    forget_slow_hosts()
    yield
    forget_slow_hosts()


def forget_slow_hosts() -> None:
    from hashlib import sha256

    from django.core.cache import cache

    names = [sha256(name.encode()).hexdigest() for name in ("localhost", "127.0.0.1", "::/64")]
    cache.delete_many([f"slow:{whose}:{name}" for whose in ("vouched", "others") for name in names])


@cache
def _has_servers(file: Path) -> bool:
    """Whether tests of this file let the provider fetch from servers of theirs."""
    text = file.read_text()
    return "foreign_site" in text or "tests.statements" in text


@pytest.fixture
def user() -> EndUser:
    """A user with every standard claim filled."""
    return make_user()


@pytest.fixture
def browser(provider: Server) -> Iterator[Browser]:
    """A browser that no user is signed in at."""
    with Browser() as browser:
        yield browser


@pytest.fixture
def relying_party(browser: Browser, user: EndUser) -> RelyingParty:
    """A website with a client secret, `user` about to use it at `browser`."""
    return RelyingParty(make_client(), browser, user)


@pytest.fixture
def public_relying_party(browser: Browser, user: EndUser) -> RelyingParty:
    """A single-page app: no secret, PKCE always."""
    return RelyingParty(make_client(token_endpoint_auth_method="none"), browser, user)
