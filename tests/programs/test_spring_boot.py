"""The quick start for Spring Boot 3 with Spring Security's oauth2Login: a nonce, and no PKCE."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.idp.admin.conftest import Operator
from tests.programs import builds
from tests.programs.builds import BuiltProgram
from tests.programs.conftest import authorization_request_of, sign_in
from tests.relying_party import ISSUER, EndUser

pytestmark = pytest.mark.programs


def test_it_knows_the_user_and_signs_out(
    operator: Operator, tmp_path: Path, page: Page, user: EndUser
) -> None:
    program = BuiltProgram("spring-boot", tmp_path, operator)
    for setting in program.integration.settings:
        if "/" in setting.title or setting.title == "pom.xml":
            program.write(setting.title)
    builds.build(tmp_path, "mvn", "-q", "-B", "package")
    program.set_variables("Run it")
    options = ("--server.address=127.0.0.1", f"--server.port={program.port}")
    with program.serving("java", "-jar", "target/website.jar", *options):
        asked = authorization_request_of(page, lambda: page.goto(f"{program.address}/user"))
        assert "nonce" in asked
        assert "code_challenge" not in asked
        sign_in(page, user)
        expect(page.get_by_text(f"Signed in as Ana Lima, {user.email}")).to_be_visible()
        program.show(page, small=True)
        page.goto(f"{program.address}/logout")
        page.get_by_role("button", name="Log Out").click()
        expect(page.get_by_text("Open /user to sign in")).to_be_visible()
        page.goto(f"{ISSUER}/account/")
        expect(page.locator("[name=login]")).to_be_visible()
