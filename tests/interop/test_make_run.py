"""What `make run` says: a few lines, the mail with its codes, and what is in its way."""

import os
import re
import socket
import subprocess
import time
from pathlib import Path

import pytest

from tests.conftest import ROOT, make_sqlite_database
from tests.interop.conftest import Process, Traveller, made
from tests.ports import free_port
from tests.relying_party import unique

PASSWORD = "tall blue garden gate"


def own_database(folder: Path) -> dict[str, str]:
    return {
        "DJANGO_SETTINGS_MODULE": "idp.settings",
        "DATABASE_URL": f"sqlite:///{folder}/run.sqlite3",
        "CACHE_URL": "dbcache://django_cache",
        "EMAIL_URL": "consolemail://",
    }


def code_in(run: Process) -> str:
    """Return the code of the newest mail in the window."""
    for _ in range(200):
        codes = re.findall(r"^    (\d{6})$", run.log.read_text(), re.MULTILINE)
        if codes:
            return str(codes[-1])
        time.sleep(0.05)
    raise AssertionError(run.log.read_text())


def test_it_says_where_everything_is_and_shows_the_mail(tmp_path: Path) -> None:
    make_sqlite_database(tmp_path / "run.sqlite3")  # what migrating takes, each test run takes once
    with made(tmp_path / "log", **own_database(tmp_path)) as run:
        lines = run.log.read_text().strip().splitlines()
        assert len(lines) <= 15, "\n".join(lines)
        assert f"Signet is at                   {run.address}" in run.log.read_text()
        with Traveller(run.address) as browser:
            page = browser.submit(
                browser.open("/account/signup/"),
                email=f"{unique('new')}@example.com",
                password1=PASSWORD,
            )
            home = browser.submit(page, code=code_in(run))
            assert home.url.path == "/account/"
            site = run.address.replace(str(page.url.port), str(page.url.port + 1))
            asked = browser.open(f"{site}/login")
            assert asked.url.path == "/consent"
            assert "Welcome" in browser.press(asked, "allow").text


@pytest.mark.parametrize("offset", [0, 1, 3])
def test_a_port_that_is_taken_is_named_before_anything_else(tmp_path: Path, offset: int) -> None:
    port = free_port(1, 3)
    with socket.create_server(("127.0.0.1", port + offset)):
        ran = subprocess.run(
            ["scripts/run"],
            cwd=ROOT,
            env={**os.environ, "PORT": str(port), **own_database(tmp_path)},
            capture_output=True,
            text=True,
            check=False,
        )
    assert ran.returncode == 1
    assert ran.stdout == ""
    assert ran.stderr.startswith(f"Port {port + offset} is taken.")
    assert not (tmp_path / "run.sqlite3").exists()
