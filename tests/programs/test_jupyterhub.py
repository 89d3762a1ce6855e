"""JupyterHub: GenericOAuthenticator, which sends its secret in the body, and lets groups in."""

import secrets

import pytest
from playwright.sync_api import Page, expect

from tests.ports import free_port
from tests.programs.conftest import Program, sign_in
from tests.relying_party import make_user

pytestmark = pytest.mark.programs

#: What has nothing to do with us: ports, and the page of the hub rather than a notebook at first.
HERE = """
c = get_config()
c.JupyterHub.bind_url = "{address}"
c.JupyterHub.hub_port = {hub}
c.ConfigurableHTTPProxy.api_url = "http://127.0.0.1:{proxy}"
c.JupyterHub.default_url = "/hub/home"

"""


def test_it_knows_the_user_and_their_groups(program: Program, page: Page) -> None:
    user = make_user(groups=["jupyterhub-admins"])
    here = HERE.format(address=program.address, hub=free_port(), proxy=free_port())
    program.write("jupyterhub_config.py", before=here)
    program.environment["JUPYTERHUB_CRYPT_KEY"] = secrets.token_hex(32)
    with program.serving("jupyterhub"):
        page.goto(program.address)
        page.get_by_role("button", name="Sign in with single sign-on").click()
        sign_in(page, user)
        expect(page.get_by_text(user.email)).to_be_visible()
        expect(page.get_by_role("link", name="Admin")).to_be_visible()
        program.show(page)
