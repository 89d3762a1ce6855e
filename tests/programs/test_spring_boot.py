"""Spring Boot 3 with Spring Security's oauth2Login: a nonce, and no PKCE."""

from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.idp.admin.conftest import Operator
from tests.programs import builds
from tests.programs.builds import BuiltProgram
from tests.programs.conftest import authorization_request_of, sign_in
from tests.relying_party import EndUser

pytestmark = pytest.mark.programs


def test_it_knows_the_user(operator: Operator, tmp_path: Path, page: Page, user: EndUser) -> None:
    program = BuiltProgram("spring-boot", tmp_path, operator)
    program.write("application.yml")
    jar = builds.maven("spring-boot") / "website.jar"
    options = ("--server.address=127.0.0.1", f"--server.port={program.port}")
    with program.serving("java", "-jar", str(jar), *options):
        asked = authorization_request_of(page, lambda: page.goto(program.address))
        assert "nonce" in asked
        assert "code_challenge" not in asked
        sign_in(page, user)
        expect(page.get_by_text(f"Signed in as Ana Lima, {user.email}")).to_be_visible()
        program.show(page, small=True)
