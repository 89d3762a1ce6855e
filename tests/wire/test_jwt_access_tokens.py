"""JWT access tokens: signed, and encrypted where their API wants that. RFC 9068, RFC 7516."""

import json
import time
from base64 import urlsafe_b64encode
from typing import Any

import pytest
from jwcrypto.jwe import JWE
from jwcrypto.jwk import JWK
from jwcrypto.jwt import JWT

from idp.declaration import DeclarationError, apply
from idp.tokens.id_token import read_hint
from tests.relying_party import (
    ISSUER,
    Browser,
    EndUser,
    RelyingParty,
    make_api,
    make_client,
    make_user,
    spec,
    unique,
    verified,
)

SHARED = "k" * 32


def using(browser: Browser, user: EndUser, api: dict[str, Any], **metadata: Any) -> RelyingParty:
    scope = " ".join(["openid", *api["scopes"]])
    return RelyingParty(make_client(scope=scope, **metadata), browser, user)


def tokens_for(app: RelyingParty, api: dict[str, Any]) -> dict[str, Any]:
    scope = " ".join(["openid", *api["scopes"]])
    return app.tokens(scope=scope, resource=api["identifier"])


def header_of(token: str) -> dict[str, Any]:
    return JWT(jwt=token).token.jose_header if token.count(".") == 2 else jwe(token).jose_header


def jwe(token: str) -> JWE:
    encrypted = JWE()
    encrypted.deserialize(token)
    return encrypted


def decrypted(token: str, key: JWK) -> str:
    """Return what an API finds inside its token."""
    opened = jwe(token)
    opened.decrypt(key)
    return opened.payload.decode()


@spec("RFC 9068", "2.2")
def test_the_claims(browser: Browser, user: EndUser) -> None:
    api = make_api(access_token_lifetime=300)
    app = using(browser, user, api)
    tokens = tokens_for(app, api)
    claims = verified(tokens["access_token"])
    sign_in = verified(tokens["id_token"])
    assert abs(claims["iat"] - time.time()) < 10
    assert len(claims["jti"]) >= 22
    assert claims == {
        "iss": ISSUER,
        "aud": api["identifier"],
        "sub": user.sub,
        "client_id": app.client.client_id,
        "exp": claims["iat"] + 300,
        "iat": claims["iat"],
        "jti": claims["jti"],
        "scope": api["scopes"][0],
        "auth_time": sign_in["auth_time"],
        "acr": sign_in["acr"],
        "amr": sign_in["amr"],
    }
    assert tokens["expires_in"] == 300


@spec("RFC 9068", "2.1")
@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
def test_the_type_and_the_algorithm_its_api_wants(
    browser: Browser, user: EndUser, algorithm: str
) -> None:
    api = make_api(access_token_signing_alg=algorithm)
    token = tokens_for(using(browser, user, api), api)["access_token"]
    assert verified(token)["aud"] == api["identifier"]
    header = header_of(token)
    assert (header["typ"], header["alg"]) == ("at+jwt", algorithm)


@spec("RFC 9068", "2.2")
def test_no_two_are_the_same(browser: Browser, user: EndUser) -> None:
    api = make_api()
    app = using(browser, user, api)
    first, second = (verified(tokens_for(app, api)["access_token"])["jti"] for _ in range(2))
    assert first != second


@spec("RFC 9068", "5")
def test_the_jti_is_not_a_token(browser: Browser, user: EndUser) -> None:
    client = make_client(access_token_format="jwt")
    app = RelyingParty(client, browser, user)
    token = app.tokens()["access_token"]
    jti = verified(token)["jti"]
    assert app.userinfo(jti).status_code == 401
    assert app.introspect(jti) == {"active": False}
    app.revoke(jti)
    assert app.userinfo(token).status_code == 200


@spec("RFC 9068", "3")
@pytest.mark.parametrize("algorithm", ["RS256", "ES256", "EdDSA"])
def test_a_client_may_have_them_for_userinfo(
    browser: Browser, user: EndUser, algorithm: str
) -> None:
    client = make_client(access_token_format="jwt", id_token_signed_response_alg=algorithm)
    app = RelyingParty(client, browser, user)
    token = app.tokens(scope="openid email")["access_token"]
    assert header_of(token)["typ"] == "at+jwt"
    claims = verified(token)
    assert (claims["aud"], claims["sub"]) == (ISSUER, user.sub)
    assert app.userinfo(token).json()["email"] == user.email


# --- the type ------------------------------------------------------------------------------------


@spec("RFC 9068", "2.1")
def test_an_api_that_refuses_the_type_gets_another(browser: Browser, user: EndUser) -> None:
    api = make_api(access_token_typ="JWT")
    app = using(browser, user, api)
    token = tokens_for(app, api)["access_token"]
    assert header_of(token)["typ"] == "JWT"
    assert verified(token)["sub"] == user.sub
    assert app.introspect(token)["aud"] == api["identifier"]


@spec("RFC 8725", "3.11")
def test_such_a_token_is_no_id_token(browser: Browser, user: EndUser) -> None:
    """An API must not sign its users out, or choose who signs in, by a token that it was shown."""
    api = make_api(access_token_typ="JWT")
    app = using(browser, user, api)
    token = tokens_for(app, api)["access_token"]
    answer = app.answer(app.visit(prompt="none", id_token_hint=token))
    assert (answer.error, answer.code) == ("invalid_request", None)
    assert read_hint(token) is None
    page = browser.open("/end_session", id_token_hint=token)
    assert "confirm-logout" in page.text or page.status_code == 400
    assert app.answer(app.visit(prompt="none")).code  # still signed in


@spec("RFC 9068", "5")
def test_no_app_may_have_such_an_api_for_its_client_id(database: object) -> None:
    """By its type alone, the app's ID token would pass for an access token there."""
    api = make_api(access_token_typ="JWT")
    with pytest.raises(DeclarationError, match="client_id: An API has this identifier"):
        make_client(client_id=api["identifier"])
    client = make_client(client_id=f"https://{unique('app')}.example.com")
    make_api(identifier=client.client_id)
    with pytest.raises(DeclarationError, match="access_token_typ: An app has the identifier"):
        make_api(identifier=client.client_id, access_token_typ="JWT")


def test_nor_may_both_come_in_one_file(database: object) -> None:
    name = f"https://{unique('both')}.example.com"
    api = {"identifier": name, "access_token_typ": "JWT"}
    client = {"client_id": name, "token_endpoint_auth_method": "none"}
    with pytest.raises(DeclarationError, match="An API has this identifier"):
        apply({"clients": [client], "resource_servers": [api]}, dry_run=False)


# --- claims about the user ------------------------------------------------------------------------


@spec("RFC 9068", "2.2.3")
def test_an_api_reads_the_claims_that_its_operator_chose(browser: Browser) -> None:
    own = unique("claim")
    apply({"scopes": [{"name": unique("own"), "claims": {own: "text x"}}]}, dry_run=False)
    baker = make_user(groups=["bakers"])
    api = make_api(access_token_claims=["groups", "email", "nickname", own])
    app = using(browser, baker, api)
    claims = verified(tokens_for(app, api)["access_token"])
    assert claims["groups"] == ["bakers"]
    assert (claims["email"], claims["nickname"], claims[own]) == (baker.email, "Aninha", "x")
    assert "name" not in claims


@spec("RFC 9068", "6")
def test_users_read_on_the_consent_page_what_the_api_reads(browser: Browser) -> None:
    baker = make_user(groups=["bakers"])
    api = make_api(access_token_claims=["groups", "email"])
    app = using(browser, baker, api)
    scope = " ".join(["openid", *api["scopes"]])
    page = browser.sign_in(baker, app.visit(scope=scope, resource=api["identifier"]))
    assert "The groups you belong to · Your email address" in page.text


def test_what_is_not_known_is_left_out_and_nothing_is_said_of_apps(browser: Browser) -> None:
    nobody = make_user(nickname="")
    api = make_api(access_token_claims=["groups", "nickname"])
    assert {"groups", "nickname"}.isdisjoint(
        verified(tokens_for(using(browser, nobody, api), api)["access_token"])
    )
    machine = make_client(
        grant_types=["client_credentials"], response_types=[], scope=api["scopes"][0]
    )
    form = {"grant_type": "client_credentials", "resource": api["identifier"]}
    token = RelyingParty(machine, browser, nobody).token(**form).json()["access_token"]
    assert {"groups", "nickname"}.isdisjoint(verified(token))


def test_no_token_is_for_two_apis_that_read_different_claims(
    browser: Browser, user: EndUser
) -> None:
    nosy, plain = make_api(access_token_claims=["email"]), make_api()
    client = make_client(scope=f"openid {nosy['scopes'][0]} {plain['scopes'][0]}")
    app = RelyingParty(client, browser, user)
    both = [nosy["identifier"], plain["identifier"]]
    response = app.exchange(app.authorize(scope=client.metadata["scope"], resource=both).code)
    assert response.json()["error"] == "invalid_target"


def test_a_claim_that_is_gone_is_left_out(browser: Browser, user: EndUser) -> None:
    own, scope = unique("claim"), unique("own")
    apply({"scopes": [{"name": scope, "claims": {own: "text x"}}]}, dry_run=False)
    api = make_api(access_token_claims=[own])
    apply({"scopes": [{"name": scope}]}, dry_run=False)
    assert own not in verified(tokens_for(using(browser, user, api), api)["access_token"])


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"access_token_claims": ["password"]}, "There is no claim password"),
        ({"access_token_claims": ["sub"]}, "There is no claim sub"),
        ({"access_token_claims": ["aud"]}, "There is no claim aud"),
        ({"access_token_claims": [""]}, "There is no claim"),
        ({"access_token_claims": "groups"}, "has to be a list"),
        ({"access_token_claims": ["email"], "access_token_format": "opaque"}, "Only JWT"),
        ({"access_token_typ": "jwt"}, "access_token_typ"),
    ],
)
def test_what_would_be_unsafe_or_useless_is_refused(
    database: object, columns: dict[str, Any], words: str
) -> None:
    with pytest.raises(DeclarationError, match=words):
        make_api(**columns)


# --- encryption ---------------------------------------------------------------------------------

PRIVATE = {
    "RSA-OAEP-256": JWK.generate(kty="RSA", size=2048, kid="api-1", use="enc"),
    "ECDH-ES": JWK.generate(kty="EC", crv="P-256", kid="api-1", use="enc"),
    "dir": JWK(kty="oct", k=urlsafe_b64encode(SHARED.encode()).rstrip(b"=").decode()),
}


def encrypting_api(algorithm: str, **columns: Any) -> dict[str, Any]:
    key: dict[str, Any] = {"encryption_secret": SHARED}
    if algorithm != "dir":
        key = {"encryption_jwk": PRIVATE[algorithm].export_public(as_dict=True)}
    return make_api(access_token_encryption_alg=algorithm, **key, **columns)


@spec("RFC 7519", "A.2")
@pytest.mark.parametrize("algorithm", PRIVATE)
def test_its_api_alone_can_read_an_encrypted_one(
    browser: Browser, user: EndUser, algorithm: str
) -> None:
    api = encrypting_api(algorithm)
    app = using(browser, user, api)
    token = tokens_for(app, api)["access_token"]
    header = header_of(token)
    assert (header["alg"], header["enc"]) == (algorithm, "A256GCM")
    assert (header["typ"], header["cty"]) == ("at+jwt", "JWT")
    assert header.get("kid") == (None if algorithm == "dir" else "api-1")
    inside = decrypted(token, PRIVATE[algorithm])
    assert json.loads(JWT(jwt=inside).token.objects["protected"])["typ"] == "at+jwt"
    assert verified(inside)["sub"] == user.sub


@spec("RFC 7516", "4.1.11")
def test_an_encrypted_one_has_the_type_of_its_api_outside_and_inside(
    browser: Browser, user: EndUser
) -> None:
    api = encrypting_api("dir", access_token_typ="JWT", access_token_claims=["email"])
    token = tokens_for(using(browser, user, api), api)["access_token"]
    inside = decrypted(token, PRIVATE["dir"])
    assert header_of(token)["typ"] == header_of(inside)["typ"] == "JWT"
    assert verified(inside)["email"] == user.email


@spec("RFC 7009", "2.1")
@pytest.mark.parametrize("algorithm", PRIVATE)
def test_an_encrypted_one_is_introspected_and_revoked_as_any(
    browser: Browser, user: EndUser, algorithm: str
) -> None:
    api = encrypting_api(algorithm)
    app = using(browser, user, api)
    token = tokens_for(app, api)["access_token"]
    inside = decrypted(token, PRIVATE[algorithm])
    assert app.introspect(token)["aud"] == api["identifier"]
    # What is inside is not what we gave: it proves nothing here.
    assert app.introspect(inside) == {"active": False}
    assert app.revoke(token).status_code == 200
    assert app.introspect(token) == {"active": False}


@spec("RFC 8707", "2")
def test_one_can_be_encrypted_to_one_api_only(browser: Browser, user: EndUser) -> None:
    plain, secretive = make_api(), encrypting_api("dir")
    app = using(browser, user, secretive)
    both = [plain["identifier"], secretive["identifier"]]
    scope = secretive["scopes"][0]
    response = app.exchange(app.authorize(scope=scope, resource=both).code)
    assert response.json()["error"] == "invalid_target"


@spec("RFC 7516", "4.1.1")
def test_an_api_may_change_from_a_shared_key_to_its_own(browser: Browser, user: EndUser) -> None:
    api = encrypting_api("dir")
    app = using(browser, user, api)
    tokens_for(app, api)
    key = PRIVATE["RSA-OAEP-256"]
    changed = {
        "identifier": api["identifier"],
        "scopes": api["scopes"],
        "access_token_encryption_alg": "RSA-OAEP-256",
        "encryption_jwk": key.export_public(as_dict=True),
    }
    apply({"resource_servers": [changed]}, dry_run=False)
    assert verified(decrypted(tokens_for(app, api)["access_token"], key))["sub"] == user.sub
