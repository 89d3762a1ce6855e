"""A website in Go with go-oidc, as the catalogue has it."""

import shutil
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.idp.admin.conftest import Operator
from tests.programs import builds
from tests.programs.builds import PINNED, BuiltProgram
from tests.programs.conftest import sign_in
from tests.relying_party import EndUser

pytestmark = pytest.mark.programs


def test_it_knows_the_user(operator: Operator, tmp_path: Path, page: Page, user: EndUser) -> None:
    program = BuiltProgram("go", tmp_path, operator, host="localhost")
    program.write("main.go")
    for pin in ("go.mod", "go.sum"):
        shutil.copy(PINNED / "go" / pin, tmp_path)
    builds.build(tmp_path, "go", "build", "-o", "website", ".")
    program.set_variables("Run it")
    with program.serving("./website"):
        page.goto(program.address)
        sign_in(page, user)
        expect(page.get_by_text(f'"name":"Ana Lima","email":"{user.email}"')).to_be_visible()
        program.show(page, small=True)
