"""An app for a group alone: Signet refuses all others, and its program takes them for nobody."""

import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from idp.models import Client
from tests import elsewhere
from tests.idp.admin.conftest import Operator
from tests.programs import test_oauth2_proxy, test_passport, test_streamlit
from tests.programs.builds import BuiltProgram
from tests.programs.conftest import Program, enter, sign_in
from tests.relying_party import ISSUER, make_user, unique

pytestmark = pytest.mark.programs


@dataclass(frozen=True)
class Website:
    """A program: how it is run, what starts a sign-in, and what users read who are signed in."""

    run: Callable[[Operator, Path], AbstractContextManager[Program]]
    #: The name of its link or button; empty if it sends users to Signet at once.
    begin: str
    greeting: str


@contextmanager
def streamlit(operator: Operator, folder: Path) -> Iterator[Program]:
    program = Program("streamlit", folder, operator)
    with test_streamlit.data_app(program):
        yield program


@contextmanager
def oauth2_proxy(operator: Operator, folder: Path) -> Iterator[Program]:
    program = BuiltProgram("oauth2-proxy", folder, operator)
    with elsewhere.running(None) as behind:
        behind.pages["/"] = test_oauth2_proxy.show
        with test_oauth2_proxy.serving(program, behind):
            yield program


WEBSITES = {
    "passport": Website(test_passport.website, "Sign in", "Signed in as Ana Lima"),
    "streamlit": Website(streamlit, "Log in", "Welcome! Ana Lima"),
    "oauth2-proxy": Website(oauth2_proxy, "", "Groups: bakers"),
}


@pytest.mark.parametrize("name", WEBSITES)
def test_only_members_of_the_apps_groups_get_in(
    operator: Operator, tmp_path: Path, page: Page, name: str
) -> None:
    website, group = WEBSITES[name], unique("bakers")
    member, other = make_user(groups=[group]), make_user(groups=[unique("millers")])
    with website.run(operator, tmp_path) as program:
        client = Client.objects.get(client_id=program.client_id)
        operator.save(f"idp/client/{client.pk}/change/access/", allowed_groups=[group])
        begin_to_sign_in(page, program, website)
        enter(page, other)
        expect(page.get_by_role("heading", name="Your account may not use")).to_be_visible()
        refused_at = page.url
        with page.expect_response(f"{program.address}/**") as told:
            page.get_by_role("button", name=re.compile("^Back to ")).click()
        page.wait_for_url(lambda url: url != refused_at)
        assert "error=access_denied" in told.value.url
        # The program has made no session of that.
        begin_to_sign_in(page, program, website)
        page.context.clear_cookies()
        begin_to_sign_in(page, program, website)
        sign_in(page, member)
        expect(page.get_by_text(website.greeting)).to_be_visible()


def begin_to_sign_in(page: Page, program: Program, website: Website) -> None:
    """Open the program, which knows nobody, and go to Signet."""
    page.goto(program.address)
    if website.begin:
        start = page.get_by_role("link", name=website.begin)
        start = start.or_(page.get_by_role("button", name=website.begin))
        expect(start).to_be_visible()
        expect(page.get_by_text(website.greeting)).not_to_be_visible()
        start.click()
    page.wait_for_url(f"{ISSUER}/**")
