"""MLflow with mlflow-oidc-auth, which reads the user's groups from the ID token."""

import pytest
from playwright.sync_api import Page, expect

from tests.programs.conftest import Program, sign_in
from tests.relying_party import make_user

pytestmark = pytest.mark.programs


def test_it_knows_the_user_and_their_groups(program: Program, page: Page) -> None:
    user = make_user(groups=["mlflow-admin"])
    program.write(".env")
    name, *arguments = program.setting("Command").split()
    listens = ("--host", "127.0.0.1", "--port", program.port, "--workers", "1")
    with program.serving(name, *arguments, *listens):
        page.goto(program.address)
        page.get_by_role("link", name="Single sign-on").click()
        sign_in(page, user)
        expect(page.get_by_role("link", name="Hello, Ana Lima")).to_be_visible()
        expect(page.get_by_text("You have administrator privileges.")).to_be_visible()
        program.show(page)
        page.get_by_role("link", name="Logout").click()
        expect(page.get_by_role("link", name="Single sign-on")).to_be_visible()
