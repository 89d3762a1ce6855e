"""In Rust: a website with openidconnect, as the catalogue has it, and a device with oauth2."""

import subprocess
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.conftest import Server
from tests.devices import decided, make_device_client
from tests.idp.admin.conftest import Operator
from tests.programs import builds
from tests.programs.builds import BuiltProgram
from tests.programs.conftest import sign_in
from tests.relying_party import ISSUER, Browser, EndUser, RelyingParty, spec

pytestmark = pytest.mark.programs


def test_it_knows_the_user(operator: Operator, tmp_path: Path, page: Page, user: EndUser) -> None:
    program = BuiltProgram("rust", tmp_path, operator, host="localhost")
    website = builds.cargo("rust", program.setting("src/main.rs"))
    program.set_variables("Run it")
    with program.serving(website):
        page.goto(program.address)
        sign_in(page, user)
        expect(page.get_by_text(f"Signed in as Ana Lima, {user.email}")).to_be_visible()
        program.show(page, small=True)


@spec("RFC 8628", "3.4")
def test_a_device(provider: Server, browser: Browser, user: EndUser) -> None:
    client = make_device_client()
    source = builds.PINNED / "rust-device" / "main.rs"
    program = builds.cargo("rust-device", source.read_text())
    running = subprocess.Popen(
        [program, ISSUER, client.client_id],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with running:
        try:
            assert running.stdout is not None
            decided(browser, user, running.stdout.readline().strip(), "approve")
            token = running.communicate("go on\n", timeout=30)[0].strip()
        finally:
            running.kill()
    answer = RelyingParty(client, browser, user).userinfo(token)
    assert answer.json()["sub"] == user.sub
