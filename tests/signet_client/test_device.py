"""The program where no browser is, at a real provider. RFC 8628."""

import re
import time

import httpx
import pytest

from tests.conftest import Server
from tests.devices import approve, make_device_client
from tests.interop.conftest import Traveller
from tests.relying_party import ISSUER, EndUser, Registered, spec
from tests.signet_client.conftest import Program, ended

pytestmark = pytest.mark.postgresql


@pytest.fixture
def tool(provider: Server) -> Registered:
    """A command-line app, as the wizard makes one, that discovery knows of."""
    client = make_device_client()
    for _ in range(100):  # it is read anew every five seconds
        metadata = httpx.get(f"{ISSUER}/.well-known/openid-configuration", verify=False).json()
        if "device_authorization_endpoint" in metadata:
            break
        time.sleep(0.1)
    return client


@spec("RFC 8628", "3.4")
def test_a_person_signs_in_with_the_browser_of_another_device(
    program: Program, tool: Registered, traveller: Traveller, user: EndUser
) -> None:
    process = program.start("login", ISSUER, "--client-id", tool.client_id, BROWSER="")
    assert process.stderr is not None
    code = None
    while code is None:
        line = process.stderr.readline()
        assert line, "it ended without a code"
        code = re.fullmatch(r"  ([A-Z]{4}-[A-Z]{4})\n", line)
    approve(traveller, user, code[1])
    assert f"signed in at {ISSUER} as {user.email}" in ended(process).said
    before = program.run("token").token
    program.expire()
    assert program.run("token").token != before
