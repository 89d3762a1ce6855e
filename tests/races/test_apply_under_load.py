"""While `manage.py apply` changes many users, they sign in without waiting for it."""

import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from django.db import connection
from django.utils import timezone

from accounts.models import Session, User
from tests.conftest import ROOT, database_url
from tests.relying_party import unique

#: So many stopped the provider for 40 seconds when one transaction changed them all.
USERS = 3000
AT_ONCE = 10
LONGEST_WAIT = 1.0  # seconds


def started(output: Path, *arguments: str) -> subprocess.Popen[bytes]:
    with output.open("wb") as out:
        return subprocess.Popen(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env={
                **os.environ,
                "DJANGO_SETTINGS_MODULE": "tests.settings",
                "SIGNET_TEST_SERVER": "1",
                "DATABASE_URL": database_url(),
            },
            stdout=out,
            stderr=subprocess.STDOUT,
        )


def slowest_sign_in(user: User, process: subprocess.Popen[bytes]) -> float:
    """Write what signing in writes, again and again; return how long it took at the most."""
    slowest = 0.0
    while process.poll() is None:
        began = time.monotonic()
        now = timezone.now()
        User.objects.filter(pk=user.pk).update(last_login=now)
        Session.objects.create(user=user, authenticated_at=now, last_seen_at=now)
        slowest = max(slowest, time.monotonic() - began)
        time.sleep(0.05)
    connection.close()
    return slowest


@pytest.mark.parametrize("flags", [[], ["--dry-run"]], ids=["apply", "dry run"])
def test_nobody_waits_a_second_for_it(database: None, tmp_path: Path, flags: list[str]) -> None:
    domain = f"{unique('many')}.example.com"
    users = [User(email=f"user{number}@{domain}", name="Before") for number in range(USERS)]
    User.objects.bulk_create(users)
    path, output = tmp_path / "declaration.json", tmp_path / "output"
    path.write_text(json.dumps({"users": [{"email": u.email, "name": "After"} for u in users]}))
    process = started(output, "apply", str(path), *flags)
    signing_in = User.objects.filter(email__in=[user.email for user in users[-AT_ONCE:]])
    with ThreadPoolExecutor(AT_ONCE) as threads:
        waits = list(threads.map(slowest_sign_in, signing_in, [process] * AT_ONCE))
    assert process.returncode == 0, output.read_text()[-2000:]
    assert output.read_text().splitlines()[-1] == (
        f"0 to add, {USERS} to change, 0 to remove."
        if flags
        else f"0 added, {USERS} changed, 0 removed."
    )
    assert max(waits) < LONGEST_WAIT
