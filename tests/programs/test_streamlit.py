"""Streamlit: st.login, with Authlib. It reads the user's name from the ID token."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Page, expect

from tests.programs.conftest import Program, sign_in
from tests.relying_party import EndUser

pytestmark = pytest.mark.programs


@contextmanager
def data_app(program: Program) -> Iterator[None]:
    """Run the data app of its page."""
    program.write(".streamlit/secrets.toml")
    program.write("app.py")
    with program.serving("streamlit", "run", "app.py", "--server.port", program.port):
        yield


def test_it_knows_the_user(program: Program, page: Page, user: EndUser) -> None:
    with data_app(program):
        page.goto(program.address)
        page.get_by_role("button", name="Log in").click()
        sign_in(page, user)
        expect(page.get_by_text("Welcome! Ana Lima")).to_be_visible()
        program.show(page)
        page.get_by_role("button", name="Log out").click()
        expect(page.get_by_role("button", name="Log in")).to_be_visible()
