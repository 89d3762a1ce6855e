"""Authlib: its own checks of what comes from the authorization endpoint. OIDC Core §3.2, §3.3."""

from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from authlib.integrations.requests_client import OAuth2Session
from authlib.oidc.core import HybridIDToken, ImplicitIDToken
from joserfc import jwt
from joserfc.jwk import KeySet

from tests import secrecy
from tests.relying_party import ISSUER, Browser, EndUser, RelyingParty, make_client, spec

KINDS = [
    "id_token",
    "id_token token",
    "code id_token",
    "code token",
    "code id_token token",
    "token",
]


@spec("OIDC Core", "3.3.2.11")
@pytest.mark.parametrize("response_type", KINDS)
def test_signing_in(browser: Browser, user: EndUser, response_type: str) -> None:
    client = make_client(
        grant_types=["authorization_code", "implicit"], response_types=["code", *KINDS]
    )
    app = RelyingParty(client, browser, user)
    app.authorize()
    session = OAuth2Session(client.client_id, scope="openid", redirect_uri=client.redirect_uri)
    address, state = session.create_authorization_url(
        f"{ISSUER}/authorize", nonce=app.nonce, response_type=response_type
    )
    location = browser.open(address).headers["Location"]
    secrecy.used.note_address(location.replace("#", "?"))
    answer = {name: values[0] for name, values in parse_qs(urlsplit(location).fragment).items()}
    assert answer["state"] == state
    if "access_token" in answer:
        token = session.fetch_token(authorization_response=location)
        assert session.get(f"{ISSUER}/userinfo").json()["sub"] == user.sub
        assert token["token_type"] == "Bearer"
    if "id_token" in answer:
        keys = KeySet.import_key_set(httpx.get(f"{ISSUER}/jwks", verify=False).json())
        id_token = jwt.decode(answer["id_token"], keys, algorithms=["RS256"])
        kind = HybridIDToken if "code" in answer else ImplicitIDToken
        claims = kind(
            id_token.claims,
            id_token.header,
            {"iss": {"essential": True, "value": ISSUER}},
            {
                "client_id": client.client_id,
                "nonce": app.nonce,
                "response_type": response_type,
                "access_token": answer.get("access_token"),
                "code": answer.get("code"),
            },
        )
        claims.validate()
        assert claims["sub"] == user.sub
