"""openid-client, on Node, exchanges tokens: for another API, and for an ID-JAG. RFC 8693."""

import json
import subprocess
from pathlib import Path

from tests.conftest import Server
from tests.exchanging import ACCESS_TOKEN, EXCHANGE, ID_JAG, ID_TOKEN
from tests.relying_party import (
    ISSUER,
    Browser,
    EndUser,
    RelyingParty,
    make_api,
    make_client,
    spec,
    verified,
)

PROGRAM = Path(__file__).parent / "openid_client" / "exchange.mjs"
CHAT = "https://chat.example.com"


@spec("RFC 8693", "2")
def test_openid_client(provider: Server, browser: Browser, user: EndUser) -> None:
    api = make_api()
    [scope] = api["scopes"]
    metadata = make_client(
        grant_types=["authorization_code", EXCHANGE],
        scope=f"openid {scope}",
        token_exchange_resources={api["identifier"]: {scope: "openid"}},
        connected_applications={CHAT: {"client_id": "acme", "scopes": ["chat.read"]}},
    )
    tokens = RelyingParty(metadata, browser, user).tokens()
    by_access = {"subject_token": tokens["access_token"], "subject_token_type": ACCESS_TOKEN}
    by_sign_in = {"subject_token": tokens["id_token"], "subject_token_type": ID_TOKEN}
    asked = {
        "issuer": ISSUER,
        "client_id": metadata.client_id,
        "client_secret": metadata.secret,
        "requests": [
            {**by_access, "resource": api["identifier"]},
            {**by_access, "audience": "https://other.example.com"},
            {**by_sign_in, "requested_token_type": ID_JAG, "audience": CHAT, "scope": "chat.read"},
        ],
    }
    ran = subprocess.run(
        ["node", str(PROGRAM)], input=json.dumps(asked), capture_output=True, text=True, timeout=60
    )
    assert ran.returncode == 0, ran.stderr
    for_api, denied, id_jag = map(json.loads, ran.stdout.splitlines())
    assert verified(for_api["access_token"])["aud"] == api["identifier"]
    assert (for_api["scope"], for_api["issued_token_type"]) == (scope, ACCESS_TOKEN)
    assert denied == {"error": "invalid_target"}
    assert id_jag["issued_token_type"] == ID_JAG
    assert id_jag["token_type"].lower() == "n_a"
    assert verified(id_jag["access_token"])["aud"] == CHAT
