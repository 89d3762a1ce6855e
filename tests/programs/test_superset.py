"""Apache Superset: OAuth 2.0 of Flask-AppBuilder, with a nonce and without PKCE."""

import secrets

import pytest
from playwright.sync_api import Page, expect

from tests.programs.conftest import Program, sign_in
from tests.relying_party import make_user

pytestmark = pytest.mark.programs

#: What has nothing to do with us: its key, and where it keeps its rows.
HERE = """
SECRET_KEY = "{key}"
SQLALCHEMY_DATABASE_URI = "sqlite:///{folder}/superset.db"

"""


def test_it_knows_the_user_and_their_groups(program: Program, page: Page) -> None:
    user = make_user(groups=["superset-admins"])
    here = HERE.format(key=secrets.token_urlsafe(32), folder=program.folder)
    program.write("superset_config.py", before=here)
    program.write("custom_sso_security_manager.py")
    program.environment |= {"PYTHONPATH": str(program.folder), "FLASK_APP": "superset"}
    program.run("superset", "db", "upgrade")
    program.run("superset", "init")
    with program.serving("superset", "run", "--port", program.port, "--with-threads"):
        page.goto(f"{program.address}/login/")
        page.get_by_role("link", name="Sign in with Signet").click()
        sign_in(page, user)
        page.goto(f"{program.address}/user_info/")
        expect(page.get_by_text(user.email).first).to_be_visible()
        expect(page.get_by_text("Admin").first).to_be_visible()
        program.show(page)
