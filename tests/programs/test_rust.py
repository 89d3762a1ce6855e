"""A website in Rust with openidconnect, as the catalogue has it."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.idp.admin.conftest import Operator
from tests.programs import builds
from tests.programs.builds import BuiltProgram
from tests.programs.conftest import sign_in
from tests.relying_party import EndUser

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
