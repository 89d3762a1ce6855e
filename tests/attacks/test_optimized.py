"""What developers are told, under `python -OO`, which drops docstrings and asserts."""

import json
import os
import subprocess
import sys
from typing import Any

from tests.conftest import ROOT, database_url
from tests.relying_party import ISSUER, RelyingParty

ASK = """
import json, sys
from io import BytesIO
from urllib.parse import urlsplit
from wsgiref.util import setup_testing_defaults
from idp.wsgi import application

assert False, "this is not -OO, which drops asserts"
pages = []
for address in json.load(sys.stdin):
    url, status = urlsplit(address), []
    environ = {
        "PATH_INFO": url.path,
        "QUERY_STRING": url.query,
        "HTTP_HOST": url.netloc,
        "HTTP_X_FORWARDED_FOR": "203.0.113.9",
        "REMOTE_ADDR": "127.0.0.1",
        "wsgi.input": BytesIO(),
    }
    setup_testing_defaults(environ)
    body = b"".join(application(environ, lambda line, headers: status.append(line)))
    pages.append([status[0], body.decode()])
json.dump(pages, sys.stdout)
"""


def answers_of(*addresses: str) -> list[Any]:
    """Return status and page of each, asked of the WSGI application in a process of its own."""
    process = subprocess.run(
        [sys.executable, "-OO", "-c", ASK],
        cwd=ROOT,
        input=json.dumps(addresses),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env={
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "tests.settings",
            "SIGNET_TEST_SERVER": "1",
            "DATABASE_URL": database_url(),
            "IDP_ISSUER": ISSUER,
        },
    )
    assert process.returncode == 0, process.stderr
    pages: list[Any] = json.loads(process.stdout)
    return pages


def test_the_rule_and_what_to_check_are_told(relying_party: RelyingParty) -> None:
    client_id = relying_party.client.client_id
    unknown, unreadable, explained = answers_of(
        f"{ISSUER}/authorize?client_id=x",
        f"{ISSUER}/authorize?client_id={client_id}&redirect_uri=https://x.example",
        f"{ISSUER}/developers/errors/invalid_grant",
    )
    assert unknown[0].startswith("400")
    assert "<dd>RFC 6749 §2.2 <code" in unknown[1]
    assert "clients.lookup.find" in unknown[1]
    assert "<dd>OIDC Core §3.1.2.1 <code" in unreadable[1]
    assert "a code works once" in explained[1]
