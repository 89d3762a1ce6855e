"""No kind of token passes for another, altered ones prove nothing, foreign clients get nowhere.

SECURITY §3–§5: lines 12–14, 17, 20, 21, 24.
"""

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator
from typing import Any

import httpx
import pytest
from django.db import connection
from jwcrypto.jwk import JWK
from jwcrypto.jws import JWS

from tests.relying_party import (
    ISSUER,
    Browser,
    RelyingParty,
    make_api,
    make_client,
    make_user,
    spec,
    verified,
)

OFFLINE = "openid offline_access"
GRANTS = ["authorization_code", "refresh_token"]
INACTIVE = {"active": False}


@pytest.fixture(scope="module", params=["opaque", "jwt"])
def app(provider: object, request: pytest.FixtureRequest) -> Iterator[RelyingParty]:
    """A website with a user who has agreed, for each form of access token."""
    with Browser() as browser:
        client = make_client(grant_types=GRANTS, access_token_format=request.param)
        relying_party = RelyingParty(client, browser, make_user())
        relying_party.authorize(scope=OFFLINE)
        yield relying_party


@pytest.fixture(scope="module")
def stranger(app: RelyingParty) -> RelyingParty:
    """Another client, just as well registered."""
    return RelyingParty(
        make_client(grant_types=GRANTS, refresh_token_grace=30), app.browser, app.user
    )


@pytest.fixture
def kinds(app: RelyingParty) -> dict[str, str]:
    """Return one of each kind of value that we give, unused."""
    tokens = app.tokens(scope=OFFLINE)
    introspection = app.post(
        "/introspect",
        token=tokens["access_token"],
        headers={"Accept": "application/token-introspection+jwt"},
    )
    return {
        "access_token": tokens["access_token"],
        "refresh_token": tokens["refresh_token"],
        "id_token": tokens["id_token"],
        "code": app.answer(app.visit(scope=OFFLINE)).code or "",
        "introspection": introspection.text,
        "client_id": app.client.client_id,
        "client_secret": app.client.secret or "",
        "sid": verified(tokens["id_token"])["sid"],
    }


def is_invalid_grant(response: httpx.Response) -> bool:
    return (response.status_code, response.json()["error"]) == (400, "invalid_grant")


@spec("RFC 8725", "3.11")
def test_only_an_access_token_is_one(app: RelyingParty, kinds: dict[str, str]) -> None:
    for kind, value in kinds.items():
        assert app.userinfo(value).status_code == (200 if kind == "access_token" else 401), kind


@spec("RFC 8725", "3.11")
def test_only_a_refresh_token_is_one(app: RelyingParty, kinds: dict[str, str]) -> None:
    for kind, value in kinds.items():
        if kind != "refresh_token":
            assert is_invalid_grant(app.refresh(value)), kind
    # None of this did any harm to what it could have been mistaken for.
    assert app.userinfo(kinds["access_token"]).status_code == 200
    assert app.exchange(kinds["code"]).status_code == 200
    assert app.refresh(kinds["refresh_token"]).status_code == 200


@spec("RFC 8725", "3.11")
def test_only_a_code_is_one(app: RelyingParty, kinds: dict[str, str]) -> None:
    for kind, value in kinds.items():
        if kind != "code":
            assert is_invalid_grant(app.exchange(value)), kind
    assert app.refresh(kinds["refresh_token"]).status_code == 200


@spec("RFC 7662", "2.2")
def test_only_tokens_are_introspected(app: RelyingParty, kinds: dict[str, str]) -> None:
    for kind, value in kinds.items():
        answer = app.introspect(value)
        assert answer["active"] == (kind in {"access_token", "refresh_token"}), kind


@spec("RFC 7009", "2.1")
def test_only_tokens_are_revoked(app: RelyingParty, kinds: dict[str, str]) -> None:
    for kind, value in kinds.items():
        if kind not in {"access_token", "refresh_token"}:
            assert app.revoke(value).status_code == 200
    assert app.userinfo(kinds["access_token"]).status_code == 200
    assert app.exchange(kinds["code"]).status_code == 200


@spec("OIDC Core", "3.1.2.1")
@pytest.mark.parametrize("kind", ["access_token", "introspection", "refresh_token", "code"])
def test_only_an_id_token_is_a_hint(app: RelyingParty, kinds: dict[str, str], kind: str) -> None:
    answer = app.answer(app.visit(prompt="none", id_token_hint=kinds[kind]))
    assert (answer.error, answer.code) == ("invalid_request", None)
    assert app.answer(app.visit(prompt="none", id_token_hint=kinds["id_token"])).code


# --- altered JWT access tokens ------------------------------------------------------------------

OWN = JWK.generate(kty="RSA", size=2048)


def encoded(value: Any) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return urlsafe_b64encode(raw).rstrip(b"=").decode()


def decoded(part: str) -> dict[str, Any]:
    return json.loads(urlsafe_b64decode(part + "=" * (-len(part) % 4)))


def signed(header: dict[str, Any], claims: dict[str, Any], key: JWK) -> str:
    token = JWS(json.dumps(claims))
    token.allowed_algs = [header["alg"]]
    token.add_signature(key, alg=None, protected=json.dumps(header))
    return token.serialize(compact=True)


def alterations(token: str) -> dict[str, str]:
    """Return what an attacker without our key makes of a genuine JWT access token."""
    head, body, signature = token.split(".")
    header, claims = decoded(head), decoded(body)
    jwks = httpx.get(f"{ISSUER}/jwks", verify=False).json()["keys"]
    ours = next(key for key in jwks if key["kid"] == header["kid"])
    shared = JWK(kty="oct", k=encoded(JWK(**ours).export_to_pem()))
    more = {**claims, "scope": "openid email profile", "exp": claims["exp"] + 9999}
    spare = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    # 256 bytes end in a character of which two bits count: another one means the same bytes.
    twin = signature[:-1] + spare[spare.index(signature[-1]) ^ 1]
    return {
        "more scopes": f"{head}.{encoded(more)}.{signature}",
        "alg none": f"{encoded({**header, 'alg': 'none'})}.{body}.",
        "no signature": f"{head}.{body}.",
        "our kid, own key": signed(header, more, OWN),
        "own key inside": signed({**header, "jwk": OWN.export_public(as_dict=True)}, more, OWN),
        "our public key as secret": signed({**header, "alg": "HS256"}, more, shared),
        "the same signature written otherwise": f"{head}.{body}.{twin}",
        "padded": f"{token}=",
        "the same claims written otherwise": f"{head}.{encoded(claims)}.{signature}",
        "a part more": f"{token}.x",
        "a part less": f"{head}.{body}",
        "upper case": token.upper(),
    }


@spec("RFC 9068", "4")
def test_an_altered_jwt_is_no_access_token(stranger: RelyingParty) -> None:
    client = make_client(access_token_format="jwt")
    app = RelyingParty(client, stranger.browser, stranger.user)
    token = app.tokens()["access_token"]
    assert app.userinfo(token).status_code == 200
    for how, altered in alterations(token).items():
        assert app.userinfo(altered).status_code == 401, how
        assert app.introspect(altered) == INACTIVE, how
        assert app.revoke(altered).status_code == 200, how
    assert app.userinfo(token).status_code == 200


@spec("RFC 9068", "4")
def test_a_jwt_we_signed_for_something_else_is_no_access_token(stranger: RelyingParty) -> None:
    """The key is right and the claims are; only the row that would make it a token is missing."""
    from idp import keys

    client = make_client(access_token_format="jwt")
    app = RelyingParty(client, stranger.browser, stranger.user)
    claims = verified(app.tokens()["access_token"])
    forged = keys.active_signer("RS256").sign({**claims, "jti": "x"}, typ="at+jwt")
    assert verified(forged)["jti"] == "x"
    assert app.userinfo(forged).status_code == 401
    assert app.introspect(forged) == INACTIVE


# --- foreign clients ----------------------------------------------------------------------------


@spec("RFC 6749", "10.4")
def test_a_stolen_refresh_token_is_worth_nothing_to_another_client(
    app: RelyingParty, stranger: RelyingParty
) -> None:
    first = app.tokens(scope=OFFLINE)
    second = app.refresh(first["refresh_token"]).json()
    # Used or not, with or without a grace of its own: the thief gets nothing and harms nobody.
    for token in (first["refresh_token"], second["refresh_token"]):
        assert is_invalid_grant(stranger.refresh(token))
        assert stranger.introspect(token) == INACTIVE
        assert stranger.revoke(token).status_code == 200
    assert app.introspect(second["refresh_token"])["active"]
    assert app.refresh(second["refresh_token"]).status_code == 200


@spec("RFC 7662", "4")
def test_a_stolen_access_token_tells_another_client_nothing(
    app: RelyingParty, stranger: RelyingParty
) -> None:
    token = app.tokens()["access_token"]
    assert stranger.introspect(token) == INACTIVE
    assert stranger.revoke(token).status_code == 200
    assert app.userinfo(token).status_code == 200


@spec("RFC 6749", "6")
def test_a_client_cannot_speak_for_another_in_the_body(
    app: RelyingParty, stranger: RelyingParty
) -> None:
    tokens = app.tokens(scope=OFFLINE)
    name = app.client.client_id
    for response in (
        stranger.refresh(tokens["refresh_token"], client_id=name),
        stranger.revoke(tokens["access_token"], client_id=name),
        stranger.post("/introspect", token=tokens["access_token"], client_id=name),
    ):
        assert (response.status_code, response.json()["error"]) == (400, "invalid_request")
    assert app.userinfo(tokens["access_token"]).status_code == 200


@spec("RFC 8707", "3")
def test_an_api_cannot_go_on_to_userinfo_or_to_another_api(stranger: RelyingParty) -> None:
    """An API that turns bad has the tokens it was sent; they open nothing but itself."""
    callers = [
        make_client(grant_types=["client_credentials"], response_types=[], redirect_uris=None)
        for _ in range(2)
    ]
    apis = [make_api(introspection_clients=[caller.client_id]) for caller in callers]
    scope = " ".join(["openid", *(api["scopes"][0] for api in apis)])
    app = RelyingParty(make_client(scope=scope), stranger.browser, stranger.user)
    token = app.tokens(scope=scope, resource=apis[0]["identifier"])["access_token"]
    seen = [RelyingParty(c, app.browser, app.user).introspect(token) for c in callers]
    assert [answer["active"] for answer in seen] == [True, False]
    assert seen[0]["scope"].split() == apis[0]["scopes"]
    assert app.userinfo(token).status_code == 401


# --- at rest, and in addresses ------------------------------------------------------------------


def everything_stored() -> str:
    """Return every row of every table of ours, as text."""
    rows: list[Any] = []
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            if table.startswith("idp_"):
                cursor.execute(f'SELECT * FROM "{table}"')
                rows += cursor.fetchall()
    return repr(rows)


@spec("RFC 6749", "10.3")
def test_no_token_is_stored(app: RelyingParty, kinds: dict[str, str]) -> None:
    stored = everything_stored()
    assert kinds["client_id"] in stored  # we looked in the right place
    for kind in ("access_token", "refresh_token", "id_token", "code", "client_secret"):
        assert kinds[kind] not in stored, kind
        random = [part for part in kinds[kind].split(".") if part != "e30"]  # {}
        assert random[-1] not in stored, kind


@spec("RFC 9700", "4.3.2")
@pytest.mark.parametrize("path", ["/token", "/revoke", "/introspect"])
def test_tokens_are_not_taken_from_the_address(app: RelyingParty, path: str) -> None:
    token = app.tokens(scope=OFFLINE)["refresh_token"]
    response = httpx.post(
        f"{ISSUER}{path}",
        params={"token": token, "refresh_token": token, "grant_type": "refresh_token"},
        auth=(app.client.client_id, app.client.secret or ""),
        headers={"Content-Type": "application/x-www-form-urlencoded"},
        verify=False,
    )
    assert (response.status_code, response.json()["error"]) == (400, "invalid_request")
    assert app.introspect(token)["active"]
