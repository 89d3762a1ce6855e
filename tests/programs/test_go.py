"""The quick start for Go with go-oidc."""

import shutil
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.idp.admin.conftest import Operator
from tests.programs import builds
from tests.programs.builds import PINNED, BuiltProgram
from tests.programs.conftest import sign_in
from tests.relying_party import ISSUER, EndUser

pytestmark = pytest.mark.programs


def test_it_knows_the_user_and_signs_out(
    operator: Operator, tmp_path: Path, page: Page, user: EndUser
) -> None:
    program = BuiltProgram("go", tmp_path, operator, host="localhost")
    program.write("main.go")
    for pin in ("go.mod", "go.sum"):
        shutil.copy(PINNED / "go" / pin, tmp_path)
    builds.build(tmp_path, "go", "build", "-o", "website", ".")
    program.set_variables("Run it")
    with program.serving("./website"):
        page.goto(f"{program.address}/callback?code=x&state=x")
        expect(page.get_by_text("no answer to a sign-in that began here")).to_be_visible()
        page.goto(f"{program.address}/login")
        sign_in(page, user)
        expect(page.get_by_text(f'"name":"Ana Lima","email":"{user.email}"')).to_be_visible()
        program.show(page, small=True)
        page.goto(f"{program.address}/logout")
        expect(page.get_by_text('"signed_in":null')).to_be_visible()
        page.goto(f"{ISSUER}/account/")
        expect(page.locator("[name=login]")).to_be_visible()
