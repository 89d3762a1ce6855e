"""The token endpoint and its grants. RFC 6749 §3.2, §4.1.3, §4.4, §5."""

from datetime import timedelta

import httpx
import pytest
from django.utils import timezone

from accounts.models import User
from idp.declaration import apply
from idp.models import AuthorizationCode
from tests.relying_party import (
    ISSUER,
    Browser,
    EndUser,
    Registered,
    RelyingParty,
    make_client,
    spec,
)


def machine(browser: Browser, user: EndUser) -> RelyingParty:
    """A client that asks for itself."""
    client = make_client(grant_types=["client_credentials"], response_types=[], redirect_uris=None)
    return RelyingParty(client, browser, user)


def disable(client: Registered) -> None:
    """Do what an operator does who takes a client out of service."""
    apply({"clients": [{**client.metadata, "enabled": False}]}, dry_run=False)


def a_minute_passes(user: EndUser) -> None:
    """Move the user's codes a minute into the past."""
    for code in AuthorizationCode.objects.filter(user__sub=user.sub):
        code.expires -= timedelta(seconds=60)
        code.save()


@spec("RFC 6749", "5.1")
def test_the_token_response(relying_party: RelyingParty) -> None:
    response = relying_party.exchange(relying_party.authorize(scope="openid email").code)
    tokens = response.json()
    assert set(tokens) == {"access_token", "token_type", "expires_in", "scope", "id_token"}
    assert tokens["token_type"] == "Bearer"
    assert isinstance(tokens["expires_in"], int)
    assert 0 < tokens["expires_in"] <= 3600
    assert set(tokens["scope"].split()) == {"openid", "email"}
    assert response.headers["Content-Type"].startswith("application/json")
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["Pragma"] == "no-cache"


@spec("OIDC Core", "3.1.2.1")
def test_without_openid_there_is_no_id_token(relying_party: RelyingParty) -> None:
    tokens = relying_party.tokens(scope="email")
    assert "id_token" not in tokens
    assert tokens["scope"] == "email"


@spec("RFC 6749", "10.10")
def test_codes_and_tokens_are_long_and_random(returning: RelyingParty) -> None:
    codes = {returning.answer(returning.visit()).code or "" for _ in range(3)}
    tokens = {returning.exchange(code).json()["access_token"] for code in codes}
    assert len(codes | tokens) == 6
    assert all(len(value) >= 43 for value in codes | tokens)  # 256 bits in base64url


@spec("RFC 6749", "4.1.2")
def test_a_code_lives_a_minute_at_most(relying_party: RelyingParty) -> None:
    code = relying_party.authorize().code
    expires = AuthorizationCode.objects.get(user__sub=relying_party.user.sub).expires
    assert expires <= timezone.now() + timedelta(seconds=60)
    a_minute_passes(relying_party.user)
    assert relying_party.exchange(code).json()["error"] == "invalid_grant"


@spec("RFC 6749", "4.1.3")
@pytest.mark.parametrize("code", ["", "x", "x" * 43, "é" * 43, "x" * 10_000])
def test_an_unknown_code_is_refused(relying_party: RelyingParty, code: str) -> None:
    response = relying_party.exchange(code)
    assert response.status_code == 400
    assert response.json()["error"] == ("invalid_grant" if code else "invalid_request")


@spec("RFC 6749", "5.2")
@pytest.mark.parametrize(
    ("parameters", "error"),
    [
        ({}, "invalid_request"),
        ({"grant_type": ""}, "invalid_request"),
        ({"grant_type": "authorization_code"}, "invalid_request"),
        ({"grant_type": "password", "username": "a", "password": "b"}, "unauthorized_client"),
        ({"grant_type": "implicit"}, "unsupported_grant_type"),
        ({"grant_type": "refresh_token", "refresh_token": "x"}, "unauthorized_client"),
        ({"grant_type": "urn:ietf:params:oauth:grant-type:device_code"}, "unauthorized_client"),
        ({"grant_type": "x" * 1000}, "unsupported_grant_type"),
        ({"grant_type": "client_credentials"}, "unauthorized_client"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.get("grant_type", "missing")[:20],
)
def test_what_the_grant_cannot_be(
    relying_party: RelyingParty, parameters: dict[str, str], error: str
) -> None:
    response = relying_party.token(**parameters)
    assert response.status_code == 400
    assert response.json()["error"] == error


@spec("RFC 6749", "4.4")
def test_a_client_may_ask_for_itself(browser: Browser, user: EndUser) -> None:
    response = machine(browser, user).token(grant_type="client_credentials")
    tokens = response.json()
    assert tokens["access_token"]
    assert not {"id_token", "refresh_token"} & set(tokens)


@spec("RFC 6749", "3.3")
def test_a_scope_that_is_named_is_not_empty(browser: Browser, user: EndUser) -> None:
    tokens = machine(browser, user).token(grant_type="client_credentials").json()
    assert tokens.get("scope") != ""


@spec("RFC 6749", "4.4.2")
@pytest.mark.parametrize("scope", ["openid", "email", "bogus"])
def test_a_client_has_nothing_of_users_for_itself(
    browser: Browser, user: EndUser, scope: str
) -> None:
    response = machine(browser, user).token(grant_type="client_credentials", scope=scope)
    assert response.json()["error"] == "invalid_scope"


@spec("RFC 6749", "4.1.3")
def test_a_client_registered_for_another_grant_cannot_redeem_codes(
    browser: Browser, user: EndUser
) -> None:
    response = machine(browser, user).token(grant_type="authorization_code", code="x" * 43)
    assert response.json()["error"] == "unauthorized_client"


@spec("RFC 6749", "3.2")
@pytest.mark.parametrize(
    "content_type",
    ["application/json", "multipart/form-data; boundary=x", "text/plain", "", "x", "/;;="],
)
def test_parameters_come_as_a_form(relying_party: RelyingParty, content_type: str) -> None:
    response = httpx.post(
        f"{ISSUER}/token",
        content="grant_type=authorization_code&code=x",
        headers={"Content-Type": content_type},
        auth=(relying_party.client.client_id, relying_party.client.secret or ""),
        verify=False,
    )
    assert response.status_code == 400
    assert response.json()["error"] == "invalid_request"


@spec("RFC 6749", "B")
def test_a_charset_may_be_named(relying_party: RelyingParty) -> None:
    response = httpx.post(
        f"{ISSUER}/token",
        content="grant_type=authorization_code&code=x",
        headers={"Content-Type": "application/x-www-form-urlencoded; charset=UTF-8"},
        auth=(relying_party.client.client_id, relying_party.client.secret or ""),
        verify=False,
    )
    assert response.json()["error"] == "invalid_grant"


@spec("RFC 6749", "4.1.3")
def test_a_disabled_client_redeems_nothing(relying_party: RelyingParty) -> None:
    code = relying_party.authorize().code
    disable(relying_party.client)
    response = relying_party.exchange(code)
    assert response.status_code == 401
    assert response.json()["error"] == "invalid_client"


@spec("RFC 6749", "4.1.3")
def test_nothing_is_given_for_a_user_whose_account_was_disabled(
    relying_party: RelyingParty,
) -> None:
    code = relying_party.authorize().code
    User.objects.filter(sub=relying_party.user.sub).update(is_active=False)
    assert relying_party.exchange(code).json()["error"] == "invalid_grant"


@spec("RFC 6749", "4.1.3")
def test_nothing_is_given_for_a_user_who_has_signed_out(relying_party: RelyingParty) -> None:
    code = relying_party.authorize().code
    relying_party.browser.submit(relying_party.browser.open("/account/logout/"), "confirm-logout")
    assert relying_party.exchange(code).json()["error"] == "invalid_grant"
