"""pgAdmin in server mode: OAuth 2.0, with PKCE."""

import secrets

import pytest
from playwright.sync_api import Page, expect

from tests.programs.conftest import Program, sign_in
from tests.relying_party import EndUser

pytestmark = pytest.mark.programs

#: What has nothing to do with us: where it listens and keeps its files.
HERE = """
import os

DEFAULT_SERVER_PORT = {port}
DATA_DIR = "{folder}/data"
LOG_FILE = os.path.join(DATA_DIR, "pgadmin4.log")
SQLITE_PATH = os.path.join(DATA_DIR, "pgadmin4.db")
SESSION_DB_PATH = os.path.join(DATA_DIR, "sessions")
STORAGE_DIR = os.path.join(DATA_DIR, "storage")
MASTER_PASSWORD_REQUIRED = False
UPGRADE_CHECK_ENABLED = False
SHOW_GRAVATAR_IMAGE = False

"""


def test_it_knows_the_user(program: Program, page: Page, user: EndUser) -> None:
    [package] = program.virtual_environment.glob("lib/python*/site-packages/pgadmin4")
    here = HERE.format(port=program.port, folder=program.folder)
    program.write("config_local.py", before=here, to=str(package / "config_local.py"))
    # Its own administrator, whom it asks for at its first start.
    program.environment["PGADMIN_SETUP_EMAIL"] = "admin@example.com"
    program.environment["PGADMIN_SETUP_PASSWORD"] = secrets.token_urlsafe(12)
    with program.serving("pgadmin4"):
        page.goto(program.address)
        page.get_by_role("button", name="Single sign-on").click()
        sign_in(page, user)
        expect(page.get_by_text(user.email)).to_be_visible()
        expect(page.get_by_text("Loading pgAdmin")).to_be_hidden()
        program.show(page)
