"""Response types and modes: what comes back, and where it travels.

OAuth 2.0 Multiple Response Type Encoding Practices, OAuth 2.0 Form Post Response Mode, OIDC Core
§3.2, §3.3.
"""

import hashlib
from base64 import urlsafe_b64encode
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.reading import BROUGHT, brought
from tests.relying_party import (
    ISSUER,
    Browser,
    EndUser,
    RelyingParty,
    forms_of,
    is_page,
    make_client,
    spec,
    verified,
)

ALL = [
    "code",
    "id_token",
    "id_token token",
    "code id_token",
    "code token",
    "code id_token token",
    "token",
]
IN_FRONT = ALL[1:]


def opened(**metadata: Any) -> dict[str, Any]:
    return {
        "grant_types": ["authorization_code", "implicit"],
        "response_types": ALL,
        **metadata,
    }


@pytest.fixture
def opened_app(browser: Browser, user: EndUser) -> RelyingParty:
    """A website that an operator opened for everything, whose user has agreed before."""
    app = RelyingParty(make_client(**opened()), browser, user)
    app.authorize(scope="openid email")
    return app


def half_hash(value: str) -> str:
    return urlsafe_b64encode(hashlib.sha256(value.encode()).digest()[:16]).rstrip(b"=").decode()


@spec("OAuth 2.0 Multiple Response Types", "3")
@pytest.mark.parametrize("response_type", ALL)
def test_exactly_what_was_asked_for_comes_back(
    opened_app: RelyingParty, response_type: str
) -> None:
    backwards = " ".join(reversed(response_type.split()))
    answer = opened_app.visit(response_type=backwards, scope="openid email")
    parts = urlsplit(answer.headers["Location"])
    assert (parts.query == "") == (response_type != "code")
    members = brought(answer)
    came = {part for part, member in BROUGHT.items() if member in members}
    assert came == set(response_type.split())
    assert (members["state"], members["iss"]) == (opened_app.state, ISSUER)
    assert "refresh_token" not in members
    if "access_token" in members:
        assert members["token_type"] == "Bearer"
        assert 0 < int(members["expires_in"]) <= 3600
        userinfo = opened_app.userinfo(members["access_token"]).json()
        assert userinfo["email"] == opened_app.user.email
    if "id_token" in members:
        claims = verified(members["id_token"])
        assert claims["nonce"] == opened_app.nonce
        assert claims["sub"] == opened_app.user.sub
        assert {"auth_time", "acr", "sid"} <= set(claims)
        for name, member in {"at_hash": "access_token", "c_hash": "code"}.items():
            hashed = half_hash(members[member]) if member in members else None
            assert claims.get(name) == hashed
        # OIDC Core §5.4: scopes' claims only where there is no UserInfo to ask.
        assert ("email" in claims) == (response_type == "id_token")
    if "code" in members:
        tokens = opened_app.exchange(members["code"]).json()
        later = verified(tokens["id_token"])
        assert (later["sub"], later["nonce"]) == (opened_app.user.sub, opened_app.nonce)
        if "id_token" in members:
            same = ("iss", "sub", "aud", "auth_time", "sid", "acr")
            assert [later[name] for name in same] == [claims[name] for name in same]


@spec("RFC 6749", "4.1.2")
@pytest.mark.parametrize("response_type", ["code token", "code id_token token"])
def test_a_replayed_code_takes_the_tokens_that_came_with_it(
    opened_app: RelyingParty, response_type: str
) -> None:
    members = brought(opened_app.visit(response_type=response_type))
    assert opened_app.exchange(members["code"]).status_code == 200
    assert opened_app.userinfo(members["access_token"]).status_code == 200
    assert opened_app.exchange(members["code"]).json()["error"] == "invalid_grant"
    assert opened_app.userinfo(members["access_token"]).status_code == 401


def test_signing_out_ends_them(opened_app: RelyingParty) -> None:
    token = brought(opened_app.visit(response_type="token"))["access_token"]
    page = opened_app.browser.open("/account/logout/")
    opened_app.browser.submit(page, "confirm-logout")
    assert opened_app.userinfo(token).status_code == 401


@spec("OAuth 2.0 Form Post Response Mode", "2")
@pytest.mark.parametrize("response_type", ALL)
def test_form_post(opened_app: RelyingParty, response_type: str) -> None:
    state = "\"'><script>&state"
    page = opened_app.visit(response_type=response_type, response_mode="form_post", state=state)
    members = brought(page)
    assert members["state"] == state
    assert members["iss"] == ISSUER
    assert {part for part, m in BROUGHT.items() if m in members} == set(response_type.split())
    (form,) = forms_of(page)
    assert (form.action, form.method) == (opened_app.client.redirect_uri, "post")
    assert "no-store" in page.headers["Cache-Control"]
    policy = page.headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in policy
    assert "form-action" not in policy  # it would apply to the client's own redirects, too
    assert "unsafe" not in policy
    assert page.headers["X-Frame-Options"] == "DENY"


@pytest.mark.parametrize("mode", ["query", "fragment", "form_post"])
@pytest.mark.parametrize("response_type", ALL)
def test_errors_travel_as_success_would(
    opened_app: RelyingParty, response_type: str, mode: str
) -> None:
    asked = {"response_type": response_type, "response_mode": mode}
    good, bad = opened_app.visit(**asked), opened_app.visit(**asked, prompt="none login")
    assert good.status_code == bad.status_code
    if good.is_redirect:
        addresses = [urlsplit(answer.headers["Location"]) for answer in (good, bad)]
        assert len({bool(parts.fragment) for parts in addresses}) == 1
    members = brought(bad)
    assert members["error"] == "invalid_request"
    assert (members["state"], members["iss"]) == (opened_app.state, ISSUER)
    brought(good)


def test_a_no_travels_as_a_yes_would(browser: Browser, user: EndUser) -> None:
    app = RelyingParty(make_client(**opened()), browser, user)
    page = app.browser.sign_in(user, app.visit(response_type="id_token"))
    assert is_page(page, "/consent")
    answer = app.browser.submit(page, "deny")
    assert urlsplit(answer.headers["Location"]).query == ""
    assert brought(answer)["error"] == "access_denied"


@spec("OAuth 2.0 Multiple Response Types", "3.0")
@pytest.mark.parametrize("response_type", IN_FRONT)
def test_tokens_never_travel_in_a_query(opened_app: RelyingParty, response_type: str) -> None:
    answer = opened_app.visit(response_type=response_type, response_mode="query")
    assert urlsplit(answer.headers["Location"]).query == ""
    assert brought(answer)["error"] == "invalid_request"


@spec("OIDC Core", "3.2.2.1")
@pytest.mark.parametrize("response_type", [kind for kind in ALL if "id_token" in kind])
def test_a_nonce_is_needed_before_any_page(
    browser: Browser, user: EndUser, response_type: str
) -> None:
    app = RelyingParty(make_client(**opened()), browser, user)
    members = brought(app.visit(response_type=response_type, nonce=None))
    assert members["error"] == "invalid_request"
    assert "nonce" in members["error_description"]


@pytest.mark.parametrize("response_type", ["code", "code token", "token"])
def test_no_nonce_where_it_binds_nothing(opened_app: RelyingParty, response_type: str) -> None:
    assert "error" not in brought(opened_app.visit(response_type=response_type, nonce=None))


def test_an_id_token_needs_openid(opened_app: RelyingParty) -> None:
    members = brought(opened_app.visit(response_type="id_token", scope="email"))
    assert members["error"] == "invalid_scope"


@spec("OIDC Core", "11")
def test_nothing_goes_on_offline_without_a_code(browser: Browser, user: EndUser) -> None:
    grants = ["authorization_code", "implicit", "refresh_token"]
    app = RelyingParty(make_client(**opened(grant_types=grants)), browser, user)
    app.authorize()
    members = brought(app.visit(response_type="token", scope="openid offline_access"))
    assert members["scope"] == "openid"


@pytest.mark.parametrize("response_type", IN_FRONT)
def test_only_for_clients_that_were_opened(returning: RelyingParty, response_type: str) -> None:
    answer = returning.visit(response_type=response_type)
    assert urlsplit(answer.headers["Location"]).query == ""
    assert brought(answer)["error"] == "unauthorized_client"


@pytest.mark.parametrize("response_type", ["code code", "none", "id_token  token", "token x"])
def test_others_there_are_not(opened_app: RelyingParty, response_type: str) -> None:
    answer = brought(opened_app.visit(response_type=response_type))
    assert answer["error"] == "unsupported_response_type"


@pytest.mark.parametrize("response_type", ["token", "id_token", "id_token token"])
def test_a_public_app_needs_pkce_for_codes_only(
    browser: Browser, user: EndUser, response_type: str
) -> None:
    client = make_client(**opened(token_endpoint_auth_method="none"))
    app = RelyingParty(client, browser, user)
    app.authorize()
    no_pkce = {"code_challenge": None, "code_challenge_method": None}
    assert "error" not in brought(app.visit(response_type=response_type, **no_pkce))
    assert brought(app.visit(response_type="code token", **no_pkce))["error"] == "invalid_request"


def test_an_apps_own_scheme_takes_no_form(browser: Browser, user: EndUser) -> None:
    metadata = opened(application_type="native", redirect_uris=["com.example.app:/callback"])
    app = RelyingParty(make_client(**metadata), browser, user)
    members = brought(app.visit(response_mode="form_post"))
    assert members["error"] == "invalid_request"
