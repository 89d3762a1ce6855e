"""Synapse, the Matrix homeserver: oidc_providers, and the sign-out of its devices."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from django.core.management import call_command
from playwright.sync_api import Page, expect

from tests import elsewhere
from tests.programs.conftest import Program, sign_in, sign_out
from tests.relying_party import EndUser

pytestmark = pytest.mark.programs

#: What has nothing to do with us: its name, where it listens and keeps its files.
HERE = """
server_name: matrix.example.com
report_stats: false
signing_key_path: {folder}/signing.key
media_store_path: {folder}/media
trusted_key_servers: []
database: {{name: sqlite3, args: {{database: "{folder}/homeserver.db"}}}}
listeners:
  - {{port: {port}, bind_addresses: ["127.0.0.1"], type: http, resources: [{{names: [client]}}]}}

"""
#: Of the provider, which comes last: its documented switch for issuers without https.
WITHOUT_TLS = "    skip_verification: true\n"
#: A chat program, which opens the address of its button "Continue with Single sign-on".
CHAT = "http://chat.example/"


#: Programs that it sends users to without a question, besides.
KNOWN_CHAT = 'sso: {{client_whitelist: ["{address}"]}}\n'


@contextmanager
def homeserver(program: Program, more: str = "") -> Iterator[None]:
    """Run it with the settings of its page."""
    here = HERE.format(folder=program.folder, port=program.port) + more
    program.write("homeserver.yaml", before=here, after=WITHOUT_TLS)
    program.run("generate_signing_key", "-o", "signing.key")
    with program.serving("synapse_homeserver", "-c", "homeserver.yaml"):
        yield


def test_it_knows_the_user_until_they_sign_out(
    program: Program, page: Page, user: EndUser, settings: Any
) -> None:
    with homeserver(program):
        client = f"{program.address}/_matrix/client/v3"
        page.goto(f"{client}/login/sso/redirect/oidc-signet?redirectUrl={CHAT}")
        sign_in(page, user)
        expect(page.get_by_text("Ana Lima")).to_be_visible()
        localpart = user.email.partition("@")[0]
        expect(page.get_by_text(f"@{localpart}:matrix.example.com")).to_be_visible()
        program.show(page)
        goes_on = page.get_by_role("link", name="Continue").get_attribute("href")
        token = httpx.URL(goes_on or "").params["loginToken"]
        sent = {"type": "m.login.token", "token": token}
        device = httpx.post(f"{client}/login", json=sent).json()
        bearer = {"Authorization": f"Bearer {device['access_token']}"}
        [address] = httpx.get(f"{client}/account/3pid", headers=bearer).json()["threepids"]
        assert address["address"] == user.email
        sign_out(page)
        settings.IDP_OUTBOUND_ALLOW = ["127.0.0.1"]
        call_command("worker", "--once")
        signed_out = httpx.get(f"{client}/account/whoami", headers=bearer)
        assert signed_out.json()["errcode"] == "M_UNKNOWN_TOKEN"


def test_a_command_line_on_this_machine_gets_the_user(
    program: Program, page: Page, user: EndUser
) -> None:
    with elsewhere.running(None) as command_line:
        landed = f"{command_line.address}/landed"
        command_line.otherwise = elsewhere.answering(b"Back at work", "text/plain")
        with homeserver(program, KNOWN_CHAT.format(address=landed)):
            start = f"{program.address}/_matrix/client/v3/login/sso/redirect/oidc-signet"
            page.goto(f"{start}?redirectUrl={landed}")
            sign_in(page, user)
            expect(page.get_by_text("Back at work")).to_be_visible()
            assert page.url.startswith(f"{landed}?loginToken=")
