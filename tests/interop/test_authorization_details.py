"""openid-client, on Node, asks for authorization details by a pushed request. RFC 9396."""

import json
import os
import subprocess
from pathlib import Path

from tests.detailing import make_type, payment, text
from tests.relying_party import ISSUER, Browser, EndUser, RelyingParty, make_client, spec

PROGRAM = Path(__file__).parent / "openid_client" / "details.mjs"


@spec("RFC 9396", "6")
def test_openid_client(provider: object, browser: Browser, user: EndUser) -> None:
    kind = make_type()
    client = make_client(
        authorization_details_types=[kind],
        grant_types=["authorization_code", "refresh_token"],
        refresh_without_offline_access=True,
        token_endpoint_auth_method="client_secret_post",
        require_pushed_authorization_requests=True,
    )
    party, details = RelyingParty(client, browser, user), [payment(kind), payment(kind, "3.00")]
    program = subprocess.Popen(
        ["node", str(PROGRAM)],
        env={
            **os.environ,
            "OIDC_ISSUER": ISSUER,
            "OIDC_CLIENT_ID": client.client_id,
            "OIDC_CLIENT_SECRET": client.secret or "",
            "OIDC_REDIRECT_URI": client.redirect_uri,
            "DETAILS": text(*details),
        },
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with program:
        try:
            assert program.stdout is not None
            page = browser.settle(browser.get(program.stdout.readline().strip()))
            back = party.go_on(page).url
            got = json.loads(program.communicate(f"{back}\n", timeout=20)[0])
        finally:
            program.kill()
    assert got["granted"] == details
    assert got["narrowed"] == got["introspected"] == details[:1]
