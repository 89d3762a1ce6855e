"""Apache Airflow: the auth manager of Flask-AppBuilder, with OAuth 2.0, a nonce and no PKCE."""

import secrets

import pytest
from playwright.sync_api import Page, expect

from tests.programs.conftest import Program, sign_in
from tests.relying_party import make_user

pytestmark = pytest.mark.programs


def test_it_knows_the_user_and_their_groups(program: Program, page: Page) -> None:
    user = make_user(groups=["airflow-admins"])
    program.write("airflow.cfg")
    program.write("webserver_config.py")
    program.environment |= {
        "AIRFLOW_HOME": str(program.folder),
        "AIRFLOW__API__SECRET_KEY": secrets.token_urlsafe(32),
        "AIRFLOW__API_AUTH__JWT_SECRET": secrets.token_urlsafe(64),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
    }
    program.run("airflow", "db", "migrate")
    listens = ("--host", "127.0.0.1", "--port", program.port)
    with program.serving("airflow", "api-server", "--workers", "1", *listens):
        page.goto(f"{program.address}/auth/login/")
        page.click("#btn-signin-signet")
        sign_in(page, user)
        page.goto(f"{program.address}/auth/users/userinfo/")
        expect(page.get_by_text(user.email).first).to_be_visible()
        expect(page.get_by_text("Admin").first).to_be_visible()
        program.show(page)
