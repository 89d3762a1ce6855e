"""Quarkus with its extension for OpenID Connect, which uses PKCE if it is told to."""

from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from idp.models import Client
from tests.idp.admin.conftest import Operator
from tests.programs import builds
from tests.programs.builds import BuiltProgram
from tests.programs.conftest import authorization_request_of, sign_in
from tests.relying_party import EndUser

pytestmark = pytest.mark.programs


PKCE = "quarkus.oidc.authentication.pkce-required=true\n"


@pytest.fixture
def program(operator: Operator, tmp_path: Path) -> BuiltProgram:
    program = BuiltProgram("quarkus", tmp_path, operator)
    program.write("application.properties", to="config/application.properties")
    return program


def serving(program: BuiltProgram) -> AbstractContextManager[None]:
    jar = builds.maven("quarkus") / "quarkus-app/quarkus-run.jar"
    options = ("-Dquarkus.http.host=127.0.0.1", f"-Dquarkus.http.port={program.port}")
    return program.serving("java", *options, "-jar", str(jar))


def test_it_knows_the_user(program: BuiltProgram, page: Page, user: EndUser) -> None:
    with serving(program):
        asked = authorization_request_of(page, lambda: page.goto(program.address))
        assert asked["code_challenge_method"] == "S256"
        assert "nonce" not in asked
        sign_in(page, user)
        expect(page.get_by_text(f"Signed in as Ana Lima, {user.email}")).to_be_visible()
        program.show(page, small=True)


@pytest.fixture
def default(program: BuiltProgram) -> BuiltProgram:
    """Quarkus without the line of its page that switches PKCE on."""
    file = program.folder / "config/application.properties"
    text = file.read_text()
    assert PKCE in text
    file.write_text(text.replace(PKCE, ""))
    return program


def test_its_default_has_neither_pkce_nor_a_nonce(default: BuiltProgram, page: Page) -> None:
    with serving(default):
        asked = authorization_request_of(page, lambda: page.goto(default.address))
        assert asked.keys() & {"code_challenge", "nonce"} == set()
        assert page.url.startswith(f"{default.address}/callback?error=invalid_request")
        log = (default.folder / "log").read_text()
        assert "switch on PKCE with the method S256 in the app" in log


def test_its_default_suffices_in_the_profile_compatible(
    operator: Operator, default: BuiltProgram, page: Page, user: EndUser
) -> None:
    client = Client.objects.get(client_id=default.client_id)
    operator.save(f"idp/client/{client.pk}/change/sign-in/", profile="compatible")
    with serving(default):
        page.goto(default.address)
        sign_in(page, user)
        expect(page.get_by_text(f"Signed in as Ana Lima, {user.email}")).to_be_visible()
