"""Imports of the database of another Django project, whose apps go on here."""

import json
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import httpx
from django.core.management import CommandError, call_command

from tests import secrecy
from tests.conftest import ROOT
from tests.relying_party import ISSUER

CALLBACK = "https://shop.example/callback"
VERIFIER = "v" * 43


def run_project(name: str, *arguments: str, python: str = sys.executable) -> dict[str, Any]:
    """Run a project of tests/old_servers and return what its users and apps hold."""
    script = str(ROOT / "tests" / "old_servers" / name)
    done = subprocess.run(
        [python, script, *arguments], capture_output=True, check=False, cwd=ROOT.parent
    )
    assert done.returncode == 0, done.stderr.decode()
    held: dict[str, Any] = json.loads(done.stdout)
    for name, value in held.items():
        if name not in {"email", "subs"}:
            secrecy.used.note(*(value.values() if isinstance(value, dict) else (value,)))
    return held


@dataclass
class Moved:
    """What an import has told."""

    #: Rows that were not wholly taken, by what they are.
    report: dict[str, dict[str, Any]]
    #: How many rows of a kind have which outcome.
    counts: dict[str, dict[str, int]]


@dataclass
class Move:
    """Imports of one database, and the requests of its apps here."""

    source: str
    database: Path
    held: dict[str, Any]

    def run(self, *options: str) -> Moved:
        """Import people and what apps hold; return what became of it."""
        report, out = self.database.with_suffix(".report"), StringIO()
        url = f"sqlite:///{self.database}"
        with suppress(CommandError):  # that something was left out, which the report says
            call_command(
                *("import", self.source, url, "--report", str(report), *options),
                stdout=out,
                stderr=StringIO(),
            )
        rows = [json.loads(line) for line in report.read_text().splitlines()]
        lines = [line.split(": ")[-2:] for line in out.getvalue().splitlines()]
        return Moved(
            {row["what"]: row for row in rows},
            {
                kind: {it.split(" ", 1)[1]: int(it.split()[0]) for it in told.split(", ")}
                for kind, told in lines
            },
        )

    def post(self, path: str, client_id: str, **form: str) -> httpx.Response:
        """Send a request of an app, with its secret of the other server."""
        secret = self.held["secret"]
        return httpx.post(f"{ISSUER}/{path}", data=form, auth=(client_id, secret), verify=False)

    def refresh(self, client_id: str, token: str) -> httpx.Response:
        return self.post("token", client_id, grant_type="refresh_token", refresh_token=token)

    def redeem(self, client_id: str, code: str, **form: str) -> httpx.Response:
        return self.post(
            "token",
            client_id,
            grant_type="authorization_code",
            code=code,
            redirect_uri=CALLBACK,
            **form,
        )

    def is_active(self, client_id: str, token: str) -> bool:
        response = self.post("introspect", client_id, token=token)
        return bool(response.json()["active"])


def userinfo(token: str) -> httpx.Response:
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.get(f"{ISSUER}/userinfo", headers=headers, verify=False)
