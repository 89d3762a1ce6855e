"""Tokens bound to a key, where nonces are demanded: libraries of others. RFC 9449 §8, §9."""

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.conftest import ROOT, Server
from tests.ports import free_port
from tests.programs.conftest import installed
from tests.relying_party import Browser, EndUser, make_client, spec

pytestmark = pytest.mark.programs
PROGRAMS = Path(__file__).parent / "dpop"
REDIRECT_URI = "https://rp.example.com/callback"


@pytest.fixture(scope="module")
def demanding(provider: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A provider that demands nonces: its issuer."""
    log = tmp_path_factory.mktemp("nonces") / "log"
    server = Server(f"http://localhost:{free_port()}", log, IDP_DPOP_NONCES="on")
    server.wait()
    yield server.issuer
    server.stop()


def _javascript() -> list[str]:
    return ["node", str(PROGRAMS / "client.mjs")]


def _python() -> list[str]:
    return [str(installed("requests-oauth2client") / "bin" / "python"), str(PROGRAMS / "client.py")]


@spec("RFC 9449", "8")
@spec("RFC 9449", "9")
@pytest.mark.parametrize("command", [_javascript, _python], ids=["oauth4webapi", "python"])
def test_signing_in(demanding: str, command: Callable[[], list[str]], user: EndUser) -> None:
    client = make_client(
        redirect_uris=[REDIRECT_URI],
        dpop_bound_access_tokens=True,
        require_pushed_authorization_requests=True,
        first_party=True,
    )
    environment = {
        "OIDC_ISSUER": demanding,
        "OIDC_CLIENT_ID": client.client_id,
        "OIDC_CLIENT_SECRET": client.secret or "",
        "OIDC_REDIRECT_URI": REDIRECT_URI,
    }
    with subprocess.Popen(
        command(),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT / "tests",
        env={**os.environ, **environment},
    ) as program:
        assert program.stdout is not None
        with Browser(demanding) as browser:
            page = browser.settle(browser.get(program.stdout.readline().strip()))
            back = browser.sign_in(user, page).headers["Location"]
        said, _ = program.communicate(f"{back}\n", timeout=60)
    learnt = json.loads(said)
    assert learnt["token_type"].lower() == "dpop"
    assert learnt["email"] == user.email
    assert learnt.get("nonces", 1) >= 1  # the first request had none
