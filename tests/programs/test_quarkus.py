"""Quarkus with its extension for OpenID Connect, which uses PKCE if it is told to."""

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
    program = BuiltProgram("quarkus", tmp_path, operator)
    program.write("application.properties", to="config/application.properties")
    jar = builds.maven("quarkus") / "quarkus-app/quarkus-run.jar"
    options = ("-Dquarkus.http.host=127.0.0.1", f"-Dquarkus.http.port={program.port}")
    with program.serving("java", *options, "-jar", str(jar)):
        page.goto(program.address)
        sign_in(page, user)
        expect(page.get_by_text(f"Signed in as Ana Lima, {user.email}")).to_be_visible()
