"""JWT access tokens: signed, and encrypted where their API wants that. RFC 9068, RFC 7516."""

import json
import time
from base64 import urlsafe_b64encode
from typing import Any

import pytest
from jwcrypto.jwe import JWE
from jwcrypto.jwk import JWK
from jwcrypto.jwt import JWT

from idp.declaration import apply
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
    response = app.exchange(app.authorize(resource=both).code)
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
