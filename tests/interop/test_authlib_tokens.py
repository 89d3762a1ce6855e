"""Authlib through a token's life: resource, refresh, introspection, revocation."""

from collections.abc import Iterator
from typing import Any

import jwt
import pytest
from authlib.common.security import generate_token
from authlib.integrations.base_client import OAuthError
from authlib.integrations.requests_client import OAuth2Session

from idp.declaration import apply
from tests.conftest import Server
from tests.relying_party import (
    ISSUER,
    Browser,
    EndUser,
    Registered,
    RelyingParty,
    make_client,
    spec,
    unique,
)

SCOPE = "openid offline_access bread.read"


class Party:
    """A website on Authlib, as far as its server goes."""

    def __init__(self, client: Registered, browser: Browser, user: EndUser) -> None:
        self.client, self.user = client, user
        self.journey = RelyingParty(client, browser, user)
        self.session = OAuth2Session(
            client.client_id,
            client.secret,
            token_endpoint_auth_method=client.metadata["token_endpoint_auth_method"],
            revocation_endpoint_auth_method=client.metadata["token_endpoint_auth_method"],
            redirect_uri=client.redirect_uri,
            code_challenge_method="S256",
            token_endpoint=f"{ISSUER}/token",
        )

    def sign_in(self, **parameters: str) -> dict[str, Any]:
        verifier = generate_token(48)
        address, state = self.session.create_authorization_url(
            f"{ISSUER}/authorize", code_verifier=verifier, scope=SCOPE, **parameters
        )
        token: dict[str, Any] = self.session.fetch_token(
            f"{ISSUER}/token",
            authorization_response=self.journey.go_on(self.journey.browser.open(address)).url,
            state=state,
            code_verifier=verifier,
        )
        return token

    def introspect(self, token: str) -> Any:
        return self.session.introspect_token(f"{ISSUER}/introspect", token=token).json()


@pytest.fixture
def api(provider: Server) -> str:
    identifier = f"https://{unique('api')}.example.com/"
    apply(
        {"resource_servers": [{"identifier": identifier, "scopes": ["bread.read"]}]}, dry_run=False
    )
    return identifier


@pytest.fixture(params=["client_secret_basic", "client_secret_post"])
def party(
    api: str, request: pytest.FixtureRequest, browser: Browser, user: EndUser
) -> Iterator[Party]:
    client = make_client(
        grant_types=["authorization_code", "refresh_token", "client_credentials"],
        scope=SCOPE,
        token_endpoint_auth_method=request.param,
        profile="recommended",
    )
    party = Party(client, browser, user)
    with party.session:
        yield party


@spec("RFC 6749", "6")
@spec("RFC 8707", "2.2")
def test_refresh_for_an_api(party: Party, api: str) -> None:
    first = party.sign_in()
    for_api = party.session.refresh_token(refresh_token=first["refresh_token"], resource=api)
    claims = jwt.decode(for_api["access_token"], options={"verify_signature": False})
    assert (claims["aud"], claims["scope"]) == (api, "bread.read")
    assert for_api["refresh_token"] != first["refresh_token"]
    second = party.session.refresh_token(refresh_token=for_api["refresh_token"])
    assert set(second["scope"].split()) == set(SCOPE.split())
    with pytest.raises(OAuthError, match="invalid_grant"):
        party.session.refresh_token(refresh_token=first["refresh_token"])
    with pytest.raises(OAuthError, match="invalid_grant"):  # and with it the grant
        party.session.refresh_token(refresh_token=second["refresh_token"])


@spec("RFC 8707", "2.1")
def test_resource_from_the_start(party: Party, api: str) -> None:
    token = party.sign_in(resource=api)["access_token"]
    assert jwt.decode(token, options={"verify_signature": False})["aud"] == api
    with pytest.raises(OAuthError, match="invalid_target"):
        party.session.fetch_token(
            f"{ISSUER}/token", grant_type="client_credentials", resource="https://unknown.example/"
        )


@spec("RFC 7009", "2")
@spec("RFC 7662", "2")
def test_introspection_and_revocation(party: Party) -> None:
    tokens = party.sign_in()
    known = party.introspect(tokens["access_token"])
    assert (known["active"], known["sub"]) == (True, party.user.sub)
    assert party.introspect(tokens["refresh_token"])["active"] is True
    for hint in ("access_token", "refresh_token"):
        answer = party.session.revoke_token(
            f"{ISSUER}/revoke", token=tokens[hint], token_type_hint=hint
        )
        assert answer.status_code == 200
        assert party.introspect(tokens[hint]) == {"active": False}


@spec("RFC 7662", "2.1")
def test_an_api_introspects_what_is_for_it(party: Party, api: str) -> None:
    asking = make_client(redirect_uris=[], response_types=[], grant_types=[])
    entry = {
        "identifier": api,
        "scopes": ["bread.read"],
        "introspection_clients": [asking.client_id],
    }
    apply({"resource_servers": [entry]}, dry_run=False)
    tokens = party.sign_in()
    for_api = party.session.refresh_token(refresh_token=tokens["refresh_token"], resource=api)
    with OAuth2Session(asking.client_id, asking.secret) as session:

        def introspect(token: str) -> Any:
            return session.introspect_token(f"{ISSUER}/introspect", token=token).json()

        assert introspect(for_api["access_token"])["aud"] == api
        assert introspect(tokens["access_token"]) == {"active": False}
        party.session.revoke_token(f"{ISSUER}/revoke", token=for_api["refresh_token"])
        assert introspect(for_api["access_token"]) == {"active": False}


@spec("RFC 6749", "4.4")
def test_a_machine_for_an_api(party: Party, api: str) -> None:
    token = party.session.fetch_token(
        f"{ISSUER}/token", grant_type="client_credentials", resource=api, scope="bread.read"
    )
    claims = jwt.decode(token["access_token"], options={"verify_signature": False})
    assert (claims["aud"], claims["sub"]) == (api, party.client.client_id)
    assert "refresh_token" not in token
