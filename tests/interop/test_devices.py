"""Programs without a browser: MSAL for Python and openid-client on Node. RFC 8628.

The issuer has a path, as MSAL's authorities have. The programs poll once, after the decision.
"""

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import msal
import pytest
import requests

from tests import secrecy
from tests.conftest import Server
from tests.devices import decided, make_device_client
from tests.interop.test_msal import PASSED_ON, WELL_KNOWN
from tests.relying_party import Browser, EndUser, Registered, spec
from tests.reverse_proxy import Provider, provider_behind_nginx

PROGRAM = Path(__file__).parent / "openid_client" / "device.mjs"


@pytest.fixture(scope="module")
def client(database: None) -> Registered:
    return make_device_client()


@pytest.fixture(scope="module")
def provider_at_path(
    client: Registered, provider: Server, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Provider]:
    """A provider that starts when there is such a client: its discovery document knows that."""
    folder = tmp_path_factory.mktemp("nginx")
    with provider_behind_nginx(folder, PASSED_ON + WELL_KNOWN, "/auth") as proxied:
        yield proxied


def decide(at: Provider, user: EndUser, asked: dict[str, Any], button: str) -> None:
    secrecy.used.note(asked["device_code"])
    with Browser(at.issuer) as browser:
        decided(browser, user, asked["verification_uri_complete"], button)


@spec("RFC 8628", "3.4")
def test_msal(client: Registered, provider_at_path: Provider, user: EndUser) -> None:
    session = requests.Session()
    session.trust_env, session.verify = False, str(provider_at_path.authority)
    app = msal.PublicClientApplication(
        client.client_id, oidc_authority=provider_at_path.issuer, http_client=session
    )
    flow = app.initiate_device_flow(["email"])
    assert flow["verification_uri"] == f"{provider_at_path.issuer}/device"
    decide(provider_at_path, user, flow, "approve")
    tokens = app.acquire_token_by_device_flow(flow)
    assert "error" not in tokens, tokens
    secrecy.used.note_members(tokens)
    assert tokens["id_token_claims"]["sub"] == user.sub
    bearer = {"Authorization": f"Bearer {tokens['access_token']}"}
    userinfo = httpx.get(f"{provider_at_path.issuer}/userinfo", headers=bearer, verify=False)
    assert userinfo.json()["email"] == user.email


@spec("RFC 8628", "3.5")
@pytest.mark.parametrize("button", ["approve", "deny"])
def test_openid_client(
    client: Registered, provider_at_path: Provider, user: EndUser, button: str
) -> None:
    program = subprocess.Popen(
        ["node", str(PROGRAM)],
        env={
            **os.environ,
            "NODE_EXTRA_CA_CERTS": str(provider_at_path.authority),
            "OIDC_ISSUER": provider_at_path.issuer,
            "OIDC_CLIENT_ID": client.client_id,
        },
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with program:
        try:
            assert program.stdout is not None
            asked = json.loads(program.stdout.readline())
            decide(provider_at_path, user, asked, button)
            learnt = json.loads(program.communicate("go on\n", timeout=20)[0])
        finally:
            program.kill()
    expected = {"sub": user.sub, "email": user.email}
    assert learnt == (expected if button == "approve" else {"error": "access_denied"})
