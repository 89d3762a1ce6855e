"""Authorization responses in signed JWTs. JARM; FAPI 2.0 Message Signing §5.4."""

import time
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest

from idp.models import Client, Grant
from tests.reading import EC, PUBLIC, decrypted
from tests.registering import register
from tests.relying_party import (
    ISSUER,
    Browser,
    EndUser,
    RelyingParty,
    forms_of,
    is_error_page,
    is_page,
    make_client,
    spec,
    verified,
)

EVERYTHING = {
    "grant_types": ["authorization_code", "implicit"],
    "response_types": ["code", "id_token", "code id_token", "code id_token token", "token"],
}
MODES = ["query.jwt", "fragment.jwt", "form_post.jwt", "jwt"]


@pytest.fixture
def party(browser: Browser, user: EndUser) -> RelyingParty:
    """A website for all response types, whose user has agreed before."""
    party = RelyingParty(make_client(**EVERYTHING), browser, user)
    party.authorize()
    return party


def brought(response: httpx.Response) -> tuple[str, str]:
    """Return the way by which a response came, and the JWT that is all of it."""
    if not response.is_redirect:
        [form] = [form for form in forms_of(response) if "response" in form.fields]
        assert set(form.fields) == {"response"}
        return "form_post", form.fields["response"]
    url = urlsplit(response.headers["Location"])
    way = "fragment" if url.fragment else "query"
    members = dict(parse_qsl(url.fragment or url.query))
    assert set(members) == {"response"}
    return way, members["response"]


def claims_in(response: httpx.Response, party: RelyingParty) -> dict[str, Any]:
    """Return the members of a response, after the checks of a client. JARM §2.4."""
    claims = verified(brought(response)[1])
    assert (claims.pop("iss"), claims.pop("aud")) == (ISSUER, party.client.client_id)
    assert 0 < claims.pop("exp") - time.time() <= 600
    return claims


@spec("JARM", "2.3")
def test_each_way_for_each_response_type(party: RelyingParty) -> None:
    usual = {"code": "query"}
    for response_type in ("code", "code id_token token"):
        for mode in MODES:
            response = party.visit(response_type=response_type, response_mode=mode)
            claims = claims_in(response, party)
            assert claims["state"] == party.state
            in_query = mode == "query.jwt" and response_type != "code"
            assert ("error" in claims) is in_query, (response_type, mode, claims)
            way = mode.removesuffix(".jwt")
            if mode == "jwt" or in_query:
                way = usual.get(response_type, "fragment")
            assert brought(response)[0] == way
            if not in_query:
                for part, member in (
                    *(("code", "code"), ("id_token", "id_token"), ("token", "access_token")),
                ):
                    assert (member in claims) == (part in response_type.split())
    claims = claims_in(party.visit(response_mode="jwt"), party)
    assert party.exchange(claims["code"]).status_code == 200


@spec("JARM", "2.1.2")
def test_errors_are_signed_too(party: RelyingParty, user: EndUser) -> None:
    for wrong in ({"prompt": "none login"}, {"scope": "unknown"}, {"code_challenge": "short"}):
        claims = claims_in(party.visit(response_mode="jwt", **wrong), party)
        assert claims["error"].startswith("invalid_")
        assert claims["state"] == party.state
    with Browser() as stranger:
        elsewhere = RelyingParty(make_client(), stranger, user)
        silent = elsewhere.visit(response_mode="query.jwt", prompt="none")
        assert claims_in(silent, elsewhere)["error"] == "login_required"
        page = stranger.sign_in(user, elsewhere.visit(response_mode="fragment.jwt"))
        assert is_page(page, "/consent")
        refused = stranger.submit(page, "deny")
        assert claims_in(refused, elsewhere)["error"] == "access_denied"


@spec("OIDC Core", "3.1.2.1")
def test_nothing_goes_to_an_address_that_is_not_registered(party: RelyingParty) -> None:
    for mode in MODES:
        assert is_error_page(party.visit(response_mode=mode, redirect_uri="https://evil.example/"))
    unknown = party.answer(party.visit(response_mode="none.jwt"))
    assert unknown.error == "invalid_request"


@spec("JARM", "2.2")
def test_encrypted_to_the_client(browser: Browser, user: EndUser) -> None:
    encryption = {
        "authorization_encrypted_response_alg": "ECDH-ES",
        "authorization_encrypted_response_enc": "A256GCM",
    }
    client = make_client(**EVERYTHING, **encryption, jwks=PUBLIC)
    party = RelyingParty(client, browser, user)
    party.authorize()
    # Now even tokens may be in a query: nobody else can read them.
    for wanted in ({"response_type": "code id_token token"}, {"prompt": "none login"}):
        way, jwe = brought(party.visit(response_mode="query.jwt", **wanted))
        assert way == "query"
        header, inside = decrypted(client, jwe, "ECDH-ES", "A256GCM")
        assert (header["kid"], header["cty"]) == (EC["kid"], "JWT")
        claims = verified(inside)
        assert ("access_token" in claims) == ("error" not in claims)


def test_without_a_key_to_encrypt_to_no_code_leaves(browser: Browser, user: EndUser) -> None:
    party = RelyingParty(make_client(), browser, user)
    rows = Client.objects.filter(client_id=party.client.client_id)
    rows.update(
        authorization_encrypted_response_alg="ECDH-ES",
        authorization_encrypted_response_enc="A256GCM",
        version=99,
    )
    page = browser.sign_in(user, party.visit(response_mode="jwt"))
    for answer in (browser.submit(page, "allow"), party.visit(response_mode="jwt")):
        claims = claims_in(answer, party)
        assert claims["error"] == "invalid_client_metadata"
        assert "code" not in claims
    assert not Grant.objects.filter(client__in=rows).exists()


@spec("RFC 8725", "3.11")
def test_it_serves_for_nothing_else(party: RelyingParty) -> None:
    """Algorithm and kind confusion: it is no ID token, no access token and no assertion."""
    response = party.visit(response_mode="jwt", response_type="code id_token token")
    jwt = brought(response)[1]
    assert party.userinfo(jwt).status_code == 401
    assert party.introspect(jwt) == {"active": False}
    hinted = party.visit(id_token_hint=jwt, prompt="none")
    assert party.answer(hinted).error == "invalid_request"
    assert party.exchange(jwt).json()["error"] == "invalid_grant"
    assert party.answer(party.visit(request=jwt)).error == "invalid_request_object"


def test_where_signed_answers_are_demanded(browser: Browser, user: EndUser) -> None:
    party = RelyingParty(make_client(require_signed_authorization_response=True), browser, user)
    for mode in (None, "query", "form_post"):
        refused = party.visit(response_mode=mode)
        if mode != "form_post":
            assert party.answer(refused).error == "invalid_request"
        else:
            assert 'value="invalid_request"' in refused.text
    page = party.browser.sign_in(user, party.visit(response_mode="jwt"))
    assert claims_in(party.browser.submit(page, "allow"), party)["code"]


@spec("JARM", "3")
def test_registration_and_discovery(provider: Any) -> None:
    found = httpx.get(f"{ISSUER}/.well-known/openid-configuration", verify=False).json()
    assert set(MODES) <= set(found["response_modes_supported"])
    offered = found["authorization_signing_alg_values_supported"]
    assert "none" not in offered
    assert not [name for name in offered if name.startswith("HS")]
    for wrong in (
        {"authorization_signed_response_alg": "none"},
        {"authorization_signed_response_alg": "HS256"},
        {"authorization_encrypted_response_alg": "RSA1_5"},
        {"authorization_encrypted_response_enc": "A256GCM"},
        {"authorization_encrypted_response_alg": "ECDH-ES"},
    ):
        response = register(**wrong)
        assert response.status_code == 400, wrong
        assert response.json()["error"] == "invalid_client_metadata"
    registered = register(
        jwks=PUBLIC,
        authorization_signed_response_alg="ES256",
        authorization_encrypted_response_alg="ECDH-ES",
    ).json()
    assert registered["authorization_signed_response_alg"] == "ES256"
    assert registered["authorization_encrypted_response_enc"] == "A128CBC-HS256"
