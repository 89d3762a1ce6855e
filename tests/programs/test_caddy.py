"""Caddy asks oauth2-proxy who is signed in, and tells the website behind it."""

import secrets
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests import elsewhere
from tests.elsewhere import Elsewhere
from tests.idp.admin.conftest import Operator
from tests.interop.conftest import running
from tests.ports import free_port
from tests.programs import builds
from tests.programs.builds import BuiltProgram
from tests.programs.conftest import sign_in
from tests.relying_party import make_user

pytestmark = pytest.mark.programs

#: What several tests of this machine would want, each for itself.
ADMIN_OFF = "{\n\tadmin off\n}\n"


@pytest.fixture
def website() -> Iterator[Elsewhere]:
    """A website that shows what Caddy tells it."""

    def show(asked: BaseHTTPRequestHandler) -> None:
        said = dict(asked.headers)
        page = f"{said['X-Auth-Request-Email']} in {said['X-Auth-Request-Groups']}"
        elsewhere.answering(page.encode(), "text/plain; charset=utf-8")(asked)

    with elsewhere.running(None) as website:
        website.pages["/"] = show
        yield website


def test_the_website_knows_the_user(
    operator: Operator, website: Elsewhere, page: Page, tmp_path: Path
) -> None:
    program, user = BuiltProgram("caddy", tmp_path, operator), make_user(groups=["bakers"])
    asked = f"127.0.0.1:{free_port()}"
    oauth2_proxy = [
        builds.go("oauth2-proxy", "github.com/oauth2-proxy/oauth2-proxy/v7"),
        f"--config={program.write('oauth2-proxy.cfg')}",
        f"--cookie-secret={urlsafe_b64encode(secrets.token_bytes(32)).decode()}",
        f"--http-address={asked}",
    ]
    file = program.write("Caddyfile", before=ADMIN_OFF)
    text = file.read_text().replace("127.0.0.1:4180", asked)
    file.write_text(text.replace("127.0.0.1:8080", f"127.0.0.1:{website.port}"))
    program.environment = {"HOME": str(tmp_path)}
    caddy = builds.go("caddy", "github.com/caddyserver/caddy/v2/cmd/caddy")
    with (
        running("oauth2-proxy", oauth2_proxy, f"http://{asked}", tmp_path / "oauth2-proxy.log"),
        program.serving(caddy, "run", f"--config={file}", "--adapter=caddyfile"),
    ):
        page.goto(program.address)
        sign_in(page, user)
        expect(page.get_by_text(f"{user.email} in bakers")).to_be_visible()
        program.show(page, small=True)
    assert website.times("/") == 1
