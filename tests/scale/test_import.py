"""100,000 people are imported in minutes and little memory, also after the process was killed."""

import json
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from tests.conftest import ROOT, make_sqlite_database
from tests.outages import Cluster, fill, manage

PEOPLE, GROUPS = 100_000, 50
#: What docs/moving-in.md promises, with hashes that are taken over.
MINUTES, MEBIBYTES = 5, 300
#: What the import itself needs of a processor, also on a machine that has much else to do.
PROCESSOR_SECONDS = 150
ATTRIBUTES = """
attributes:
  - {name: department, label: Department}
  - {name: cost_center, label: Cost center}
"""


@pytest.fixture(scope="module")
def realm(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A realm in which each has a password, two groups and attributes."""
    path = tmp_path_factory.mktemp("realm") / "realm.json"
    groups = json.dumps([{"name": f"Team {number}"} for number in range(GROUPS)])
    with path.open("w") as file:
        file.write(f'{{"groups": {groups}, "users": [')
        file.writelines(
            f"{',' if number else ''}\n{json.dumps(_person(number))}" for number in range(PEOPLE)
        )
        file.write("]}")
    return path


def _person(number: int) -> dict[str, object]:
    secret = {"value": "aGFzaCBvZiB0aGlydHktdHdvIGJ5dGVzLCBub3QgbGVzcw==", "salt": "c2FsdHNhbHQ="}
    kind = {"hashIterations": 210_000, "algorithm": "pbkdf2-sha256"}
    return {
        "id": f"00000000-0000-4000-8000-{number:012}",
        "username": f"user{number}",
        "email": f"user{number}@many.example",
        "emailVerified": True,
        "firstName": "Ana",
        "lastName": f"Almeida {number}",
        "attributes": {"locale": ["pt"], "department": ["Rye"], "costCenter": [str(number % 100)]},
        "groups": [f"/Team {number % GROUPS}", f"/Team {(number + 7) % GROUPS}"],
        "credentials": [
            {
                "type": "password",
                "secretData": json.dumps(secret),
                "credentialData": json.dumps(kind),
            }
        ],
    }


@pytest.fixture(params=["postgresql", "sqlite"])
def url(request: pytest.FixtureRequest, postgres: Cluster, tmp_path: Path) -> Iterator[str]:
    """A database without people."""
    if request.param == "sqlite":
        make_sqlite_database(tmp_path / "moved.sqlite3")
        url = f"sqlite:///{tmp_path / 'moved.sqlite3'}"
        (tmp_path / "attributes.yaml").write_text(ATTRIBUTES)
        manage(url, "apply", str(tmp_path / "attributes.yaml"))
        yield url
        return
    postgres.sql("CREATE DATABASE moved")
    url = f"{postgres.url.rpartition('/')[0]}/moved"
    fill(url, ATTRIBUTES)
    yield url
    postgres.sql("DROP DATABASE moved WITH (FORCE)")


def number_of(url: str, rows: str) -> int:
    """Count rows, as another process sees them."""
    statement = f"SELECT count(*) FROM {rows}"
    if url.startswith("sqlite"):
        with closing(sqlite3.connect(url.removeprefix("sqlite:///"), timeout=60)) as database:
            return int(database.execute(statement).fetchone()[0])
    with psycopg.connect(url) as connection:
        [[number]] = connection.execute(statement)  # type: ignore[call-overload]
        return int(number)


def begin(url: str, *command: str) -> "subprocess.Popen[bytes]":
    """Begin a command of ours on a database."""
    return subprocess.Popen(
        [sys.executable, "manage.py", *command],
        cwd=ROOT,
        env={
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "tests.settings",
            "SIGNET_TEST_SERVER": "1",
            "DATABASE_URL": url,
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )


def end(process: "subprocess.Popen[bytes]") -> tuple[str, float, float]:
    """Wait for a process; return what it printed, and its seconds of processor and its MiB."""
    assert process.stdout is not None
    printed = process.stdout.read().decode()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, printed
    return printed, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024


def is_busy() -> bool:
    """Whether so many others want the processors that no time by the clock says anything."""
    return os.getloadavg()[1] > 2 * (os.cpu_count() or 1)


def test_many_people_are_imported_soon_and_once(url: str, realm: Path) -> None:
    began = time.monotonic()
    killed = begin(url, "import", "keycloak", str(realm))
    while number_of(url, "accounts_user") < PEOPLE / 5:
        assert killed.poll() is None
        time.sleep(0.2)
    killed.kill()
    killed.communicate()
    there = number_of(url, "accounts_user")
    assert there < PEOPLE
    printed, seconds, size = end(begin(url, "import", "keycloak", str(realm)))
    took = time.monotonic() - began
    print(f"{url.partition(':')[0]}: {took:.0f} s; after the kill {seconds:.0f} s, {size:.0f} MiB")
    assert f"{PEOPLE - there} added" in printed
    assert f"{there} unchanged" in printed

    assert number_of(url, "accounts_user WHERE password LIKE 'pbkdf2_sha256$%'") == PEOPLE
    assert number_of(url, "account_emailaddress WHERE verified") == PEOPLE
    assert number_of(url, "accounts_user_groups") == 2 * PEOPLE
    assert number_of(url, "idp_event WHERE kind = 'created' AND user_id IS NOT NULL") == PEOPLE
    assert seconds < PROCESSOR_SECONDS
    assert took < MINUTES * 60 or is_busy()
    assert size < MEBIBYTES
