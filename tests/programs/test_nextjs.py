"""The quick start for Next.js with Auth.js, which reads the user's name from the ID token."""

import shutil

import pytest
from playwright.sync_api import Page, expect

from tests.idp.admin.conftest import Operator
from tests.programs import builds
from tests.programs.builds import PINNED, BuiltProgram
from tests.programs.conftest import sign_in
from tests.relying_party import ISSUER, EndUser

pytestmark = pytest.mark.programs


@pytest.fixture
def program(operator: Operator) -> BuiltProgram:
    """A website as `create-next-app` makes it, with the files of the quick start."""
    folder = builds.npm("nextjs")
    # Next.js writes localhost for 127.0.0.1 in the addresses of requests.
    program = BuiltProgram("nextjs", folder, operator, host="localhost")
    shutil.copytree(PINNED / "nextjs", folder, dirs_exist_ok=True)
    for setting in program.integration.settings:
        program.write(setting.title)
    program.environment = {"NEXT_TELEMETRY_DISABLED": "1"}
    program.run("npm", "run", "build")
    return program


def test_it_knows_the_user_and_signs_out(program: BuiltProgram, page: Page, user: EndUser) -> None:
    with program.serving("npm", "run", "start", "--", "--port", program.port):
        page.goto(program.address)
        page.get_by_role("button", name="Sign in").click()
        sign_in(page, user)
        expect(page.get_by_text(f"Signed in as Ana Lima, {user.email}")).to_be_visible()
        program.show(page, small=True)
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_role("button", name="Sign in")).to_be_visible()
        page.goto(f"{ISSUER}/account/")
        expect(page.locator("[name=login]")).to_be_visible()
