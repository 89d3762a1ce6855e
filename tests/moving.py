"""Imports of the database of another Django project, whose apps go on here."""

import json
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from idp.importers.report import Outcome, Told
from idp.importers.source import Options
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
        if name != "email":
            secrecy.used.note(*(value.values() if isinstance(value, dict) else (value,)))
    return held


@dataclass
class Move:
    """Imports of one database, and the requests of its apps here."""

    source: Any
    database: Path
    held: dict[str, Any]

    def run(self, **own: Any) -> list[Told]:
        """Import people and what apps hold; return what became of it."""
        from idp.declaration import apply

        options = Options(f"sqlite:///{self.database}", own)
        people = [{**row.entry, "email_verified": True} for row in self.source.rows(options)]
        apply({"users": people}, dry_run=False)
        told = self.source.afterwards(options, dry_run=False)
        return [each for batch in told for each in batch]

    def try_out(self) -> list[Told]:
        """Return what would become of what apps hold."""
        told = self.source.afterwards(Options(f"sqlite:///{self.database}"), dry_run=True)
        return [each for batch in told for each in batch]

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


def counts(told: list[Told], kind: str) -> Counter[Outcome]:
    return Counter(each.outcome for each in told if each.kind == kind)
