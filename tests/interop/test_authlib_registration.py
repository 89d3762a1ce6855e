"""Authlib's requests client: it registers itself, signs a user in, and takes itself away.

OIDC Dynamic Client Registration §3, §4, RFC 7592 §2.
"""

import pytest
from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session

from tests.registering import initial_token
from tests.relying_party import ISSUER, Browser, EndUser, is_page, unique

REDIRECT_URI = "https://rp.example.com/callback"


def test_registering_itself_and_signing_in(browser: Browser, user: EndUser) -> None:
    metadata = {
        "client_name": unique("Self-made"),
        "redirect_uris": [REDIRECT_URI],
        "grant_types": ["authorization_code", "refresh_token"],
        "scope": "openid email offline_access",
    }
    bearer = {"access_token": initial_token(max_uses=1), "token_type": "Bearer"}
    with OAuth2Session(token=bearer) as operator:
        provider = operator.get(f"{ISSUER}/.well-known/openid-configuration").json()
        made = operator.post(provider["registration_endpoint"], json=metadata)
        assert made.status_code == 201, made.text
        assert operator.post(provider["registration_endpoint"], json=metadata).status_code == 401
    registered = made.json()
    assert {name: registered[name] for name in metadata} == metadata

    with OAuth2Session(
        registered["client_id"],
        registered["client_secret"],
        scope=metadata["scope"],
        redirect_uri=REDIRECT_URI,
        code_challenge_method="S256",
        token_endpoint=provider["token_endpoint"],
    ) as app:
        verifier = "v" * 43
        address, state = app.create_authorization_url(
            provider["authorization_endpoint"], code_verifier=verifier, prompt="consent"
        )
        page = browser.sign_in(user, browser.open(address))
        assert is_page(page, "/consent")
        assert metadata["client_name"] in page.text
        answer = browser.submit(page, "allow").headers["Location"]
        app.fetch_token(authorization_response=answer, state=state, code_verifier=verifier)
        assert app.get(provider["userinfo_endpoint"]).json()["email"] == user.email
        assert app.refresh_token()["refresh_token"]

        own = {"access_token": registered["registration_access_token"], "token_type": "Bearer"}
        with OAuth2Session(token=own) as manager:
            mine = manager.get(registered["registration_client_uri"]).json()
            assert mine["client_name"] == metadata["client_name"]
            assert manager.delete(registered["registration_client_uri"]).status_code == 204
        assert app.get(provider["userinfo_endpoint"]).status_code == 401
        with pytest.raises(OAuthError, match="invalid_client"):
            app.refresh_token()
