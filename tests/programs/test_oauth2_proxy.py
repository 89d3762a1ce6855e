"""oauth2-proxy signs users in before they reach a website, and tells it who they are."""

import secrets
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from contextlib import AbstractContextManager
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests import elsewhere
from tests.elsewhere import Elsewhere
from tests.idp.admin.conftest import Operator
from tests.programs import builds
from tests.programs.builds import BuiltProgram
from tests.programs.conftest import sign_in
from tests.relying_party import make_user

pytestmark = pytest.mark.programs

WEBSITE = """<!doctype html><html lang="en"><title>Bakery</title>
<style>body {{ font: 1.25rem/1.6 sans-serif; margin: 4rem auto; max-width: 40rem }}</style>
<h1>Bakery</h1><p>Signed in as {X-Forwarded-Email}</p><p>Groups: {X-Forwarded-Groups}</p></html>"""


def show(asked: BaseHTTPRequestHandler) -> None:
    """Answer with a page that has what oauth2-proxy tells the website."""
    page = WEBSITE.format_map(dict(asked.headers))
    elsewhere.answering(page.encode(), "text/html; charset=utf-8")(asked)


@pytest.fixture
def website() -> Iterator[Elsewhere]:
    """A website that shows what oauth2-proxy tells it."""
    with elsewhere.running(None) as website:
        website.pages["/"] = show
        yield website


@pytest.fixture
def program(operator: Operator, tmp_path: Path) -> BuiltProgram:
    return BuiltProgram("oauth2-proxy", tmp_path, operator)


def serving(program: BuiltProgram, website: Elsewhere, *more: str) -> AbstractContextManager[None]:
    """Run it with its page's file and what each installation has for its own."""
    return program.serving(
        builds.go("oauth2-proxy", "github.com/oauth2-proxy/oauth2-proxy/v7"),
        f"--config={program.write('oauth2-proxy.cfg')}",
        f"--cookie-secret={urlsafe_b64encode(secrets.token_bytes(32)).decode()}",
        f"--http-address=127.0.0.1:{program.port}",
        f"--upstream={website.address}",
        *more,
    )


def test_the_website_knows_the_user(program: BuiltProgram, website: Elsewhere, page: Page) -> None:
    user = make_user(groups=["bakers", "app-users"])
    with serving(program, website):
        page.goto(program.address)
        sign_in(page, user)
        expect(page.get_by_text(f"Signed in as {user.email}")).to_be_visible()
        expect(page.get_by_text("Groups: app-users,bakers")).to_be_visible()
        program.show(page, small=True)


def test_only_members_of_allowed_groups(
    program: BuiltProgram, website: Elsewhere, page: Page
) -> None:
    with serving(program, website, "--allowed-group=app-users"):
        page.goto(program.address)
        sign_in(page, make_user(groups=["bakers"]))
        expect(page.get_by_role("heading", name="Forbidden")).to_be_visible()
    assert website.times("/") == 0
