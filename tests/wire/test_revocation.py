"""Taking tokens back. RFC 7009."""

import httpx
import pytest

from idp.declaration import apply
from tests.relying_party import (
    ISSUER,
    Browser,
    EndUser,
    RelyingParty,
    make_client,
    spec,
    unique,
)

OFFLINE = "openid offline_access"
GRANTS = ["authorization_code", "refresh_token"]


@pytest.fixture
def app(browser: Browser, user: EndUser) -> RelyingParty:
    return RelyingParty(make_client(grant_types=GRANTS), browser, user)


def is_good(app: RelyingParty, access_token: str) -> bool:
    return app.userinfo(access_token).status_code == 200


@spec("RFC 7009", "2.1")
@pytest.mark.parametrize("form", ["opaque", "jwt"])
@pytest.mark.parametrize("hint", [None, "access_token", "refresh_token", "nonsense"])
def test_an_access_token_ends_alone(
    browser: Browser, user: EndUser, form: str, hint: str | None
) -> None:
    app = RelyingParty(make_client(grant_types=GRANTS, access_token_format=form), browser, user)
    tokens = app.tokens(scope=OFFLINE)
    response = app.revoke(tokens["access_token"], token_type_hint=hint)
    assert (response.status_code, response.content) == (200, b"")
    assert response.headers["Cache-Control"] == "no-store"
    assert not is_good(app, tokens["access_token"])
    refreshed = app.refresh(tokens["refresh_token"])
    assert is_good(app, refreshed.json()["access_token"])


@spec("RFC 7009", "2.1")
@pytest.mark.parametrize("hint", [None, "access_token", "refresh_token"])
def test_a_refresh_token_ends_with_all_its_grant(app: RelyingParty, hint: str | None) -> None:
    first = app.tokens(scope=OFFLINE)
    second = app.refresh(first["refresh_token"]).json()
    assert app.revoke(second["refresh_token"], token_type_hint=hint).status_code == 200
    assert not is_good(app, first["access_token"])
    assert not is_good(app, second["access_token"])
    assert app.refresh(second["refresh_token"]).json()["error"] == "invalid_grant"


@spec("RFC 7009", "2.1")
def test_a_used_refresh_token_still_ends_its_grant(app: RelyingParty) -> None:
    first = app.tokens(scope=OFFLINE)
    second = app.refresh(first["refresh_token"]).json()
    app.revoke(first["refresh_token"])
    assert not is_good(app, second["access_token"])


@spec("RFC 7009", "2.1")
def test_another_authorization_of_the_same_user_goes_on(app: RelyingParty) -> None:
    tokens, other = app.tokens(scope=OFFLINE), app.tokens(scope=OFFLINE)
    app.revoke(tokens["refresh_token"])
    assert is_good(app, other["access_token"])
    assert app.refresh(other["refresh_token"]).status_code == 200


@spec("RFC 7009", "2.2")
@pytest.mark.parametrize("token", ["x", "x" * 43, "a.b.c", "ü"])
def test_an_unknown_token_is_as_good_as_revoked(app: RelyingParty, token: str) -> None:
    assert app.revoke(token).status_code == 200


@spec("RFC 7009", "2.2")
def test_twice_is_no_error(app: RelyingParty) -> None:
    tokens = app.tokens(scope=OFFLINE)
    for token in (tokens["access_token"], tokens["refresh_token"]) * 2:
        assert app.revoke(token).status_code == 200


@spec("RFC 7009", "2.1")
def test_another_clients_token_stays_and_looks_like_an_unknown_one(app: RelyingParty) -> None:
    tokens = app.tokens(scope=OFFLINE)
    other = RelyingParty(make_client(), app.browser, app.user)
    unknown = other.revoke("x" * 43)
    for name in ("access_token", "refresh_token"):
        foreign = other.revoke(tokens[name])
        assert (foreign.status_code, foreign.content) == (unknown.status_code, unknown.content)
    assert is_good(app, tokens["access_token"])
    assert app.refresh(tokens["refresh_token"]).status_code == 200


@spec("RFC 7009", "2.1")
def test_a_public_client_revokes_its_own(browser: Browser, user: EndUser) -> None:
    client = make_client(grant_types=GRANTS, token_endpoint_auth_method="none")
    app = RelyingParty(client, browser, user)
    tokens = app.tokens(scope=OFFLINE)
    assert app.revoke(tokens["refresh_token"]).status_code == 200
    assert not is_good(app, tokens["access_token"])


@spec("RFC 7009", "2.1")
def test_a_client_has_to_prove_itself(app: RelyingParty) -> None:
    token = app.tokens()["access_token"]
    name = app.client.client_id
    for auth, data in (
        (None, {}),
        (None, {"client_id": name}),
        ((name, "wrong" * 8), {}),
        (("nobody", "wrong" * 8), {}),
    ):
        response = httpx.post(
            f"{ISSUER}/revoke", data={"token": token, **data}, auth=auth, verify=False
        )
        assert (response.status_code, response.json()["error"]) == (401, "invalid_client")
    assert is_good(app, token)


@spec("RFC 7009", "2.1")
def test_a_secret_that_was_replaced_revokes_nothing(app: RelyingParty) -> None:
    tokens = app.tokens()
    app.revoke("x")  # the server has seen the client with its old secret
    apply({"clients": [{**app.client.metadata, "client_secret": "n" * 40}]}, dry_run=False)
    assert app.revoke(tokens["access_token"]).json()["error"] == "invalid_client"
    assert is_good(app, tokens["access_token"])


@spec("RFC 7009", "2.1")
def test_a_disabled_client_revokes_nothing(app: RelyingParty) -> None:
    app.revoke("x")
    apply({"clients": [{**app.client.metadata, "enabled": False}]}, dry_run=False)
    assert app.revoke("x").json()["error"] == "invalid_client"


@spec("RFC 7009", "2.2.1")
def test_errors(app: RelyingParty) -> None:
    assert app.post("/revoke").json()["error"] == "invalid_request"
    assert app.post("/revoke", token=["x", "y"]).json()["error"] == "invalid_request"
    got = httpx.get(f"{ISSUER}/revoke", params={"token": "x"}, verify=False)
    assert (got.status_code, got.headers["Allow"]) == (405, "POST")
    secret = app.client.secret or ""
    in_address = httpx.post(
        f"{ISSUER}/revoke?token=x", auth=(app.client.client_id, secret), verify=False
    )
    assert in_address.json()["error"] == "invalid_request"


@spec("RFC 8414", "2")
def test_discovery_says_where_and_how(provider: object) -> None:
    facts = httpx.get(f"{ISSUER}/.well-known/openid-configuration", verify=False).json()
    assert facts["revocation_endpoint"] == f"{ISSUER}/revoke"
    methods = facts["revocation_endpoint_auth_methods_supported"]
    assert methods == facts["token_endpoint_auth_methods_supported"]


@spec("RFC 7009", "2.3")
def test_a_single_page_app_may_revoke_from_its_origin(provider: object) -> None:
    origin = f"https://{unique('spa')}.example.com"
    client = make_client(token_endpoint_auth_method="none", redirect_uris=[f"{origin}/callback"])
    form = {"token": "x", "client_id": client.client_id}
    asked, answered, foreign = (
        httpx.request(
            method, f"{ISSUER}/revoke", data=data, headers={"Origin": of, **headers}, verify=False
        )
        for method, of, data, headers in (
            ("OPTIONS", origin, None, {"Access-Control-Request-Method": "POST"}),
            ("POST", origin, form, {}),
            ("POST", f"https://{unique('elsewhere')}.example", form, {}),
        )
    )
    assert asked.headers["Access-Control-Allow-Origin"] == origin
    assert answered.status_code == 200
    assert answered.headers["Access-Control-Allow-Origin"] == origin
    assert "Access-Control-Allow-Credentials" not in answered.headers
    assert "Access-Control-Allow-Origin" not in foreign.headers
