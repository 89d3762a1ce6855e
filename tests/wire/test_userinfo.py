"""UserInfo: the claims, the placements of the token, the errors. OIDC Core §5.3, RFC 6750."""

import time
from datetime import timedelta
from typing import Any

import httpx
import pytest
from django.utils import timezone

from accounts.models import User
from idp.models import AccessToken
from tests.relying_party import (
    ISSUER,
    Browser,
    EndUser,
    RelyingParty,
    make_client,
    make_user,
    spec,
    verified,
)

PROFILE = {
    "name": "Ana Lima",
    "given_name": "Ana",
    "family_name": "Lima",
    "middle_name": "Maria",
    "nickname": "Aninha",
    "preferred_username": "ana",
    "profile": "https://example.com/ana",
    "picture": "https://example.com/ana.jpg",
    "website": "https://ana.example.com",
    "gender": "female",
    "birthdate": "1985-03-12",
    "zoneinfo": "Europe/Lisbon",
    "locale": "pt-PT",
}
URL = f"{ISSUER}/userinfo"


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def ask(method: str, **request: Any) -> httpx.Response:
    return httpx.request(method, URL, verify=False, **request)


def refused(response: httpx.Response, status: int, error: str) -> None:
    """Hold the answer to RFC 6750 §3: status, challenge and members agree."""
    assert response.status_code == status
    assert response.headers["WWW-Authenticate"].startswith("Bearer ")
    assert f'error="{error}"' in response.headers["WWW-Authenticate"]
    assert response.json()["error"] == error


@spec("OIDC Core", "5.4")
@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        ("openid", {}),
        ("openid profile", PROFILE),
        ("openid email", {"email_verified": True}),
        ("openid phone", {"phone_number": "+351 21 000 0000", "phone_number_verified": True}),
        (
            "openid address",
            {"address": {"formatted": "Rua do Ouro 1\nLisboa", "country": "Portugal"}},
        ),
    ],
)
def test_each_scope_gives_its_claims_and_no_others(
    relying_party: RelyingParty, scope: str, expected: dict[str, Any]
) -> None:
    response = relying_party.userinfo(relying_party.tokens(scope=scope)["access_token"])
    claims = response.json()
    assert response.headers["Content-Type"].startswith("application/json")
    assert response.headers["Cache-Control"] == "no-store"
    assert claims.pop("sub") == relying_party.user.sub
    if "email" in scope:
        assert claims.pop("email") == relying_party.user.email
    if "profile" in scope:
        assert time.time() - 600 < claims.pop("updated_at") <= time.time()
    assert claims == expected


@spec("OIDC Core", "5.3.2")
def test_what_is_not_known_is_left_out(browser: Browser) -> None:
    nothing = {**dict.fromkeys(PROFILE, ""), "address": {}, "phone_number": ""}
    user = make_user(**nothing, phone_number_verified=False)
    relying_party = RelyingParty(make_client(), browser, user)
    tokens = relying_party.tokens(scope="openid profile address phone")
    assert set(relying_party.userinfo(tokens["access_token"]).json()) == {"sub", "updated_at"}


@spec("OIDC Core", "5.1")
@pytest.mark.parametrize("birthdate", ["1985-03-12", "0000-03-12", "1985"])
def test_a_date_of_birth_comes_as_it_is_known(browser: Browser, birthdate: str) -> None:
    relying_party = RelyingParty(make_client(), browser, make_user(birthdate=birthdate))
    tokens = relying_party.tokens(scope="openid profile")
    assert relying_party.userinfo(tokens["access_token"]).json()["birthdate"] == birthdate


@spec("OIDC Core", "5.3.2")
def test_the_subject_is_that_of_the_id_token(relying_party: RelyingParty) -> None:
    tokens = relying_party.tokens()
    userinfo = relying_party.userinfo(tokens["access_token"]).json()
    assert userinfo["sub"] == verified(tokens["id_token"])["sub"]


@spec("OIDC Core", "5.3.1")
def test_the_token_comes_in_the_header_or_in_a_form(relying_party: RelyingParty) -> None:
    token = relying_party.tokens()["access_token"]
    answers = [
        ask("GET", headers=bearer(token)),
        ask("POST", headers=bearer(token)),
        ask("POST", headers=bearer(token), data={"x": "y"}),
        ask("POST", headers=bearer(token), json={}),
        ask("POST", data={"access_token": token}),
        ask("GET", headers={"Authorization": f"bearer {token}"}),
    ]
    assert [answer.json().get("sub") for answer in answers] == [relying_party.user.sub] * 6


@spec("RFC 6750", "3")
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_without_a_token_the_challenge_names_no_error(provider: object, method: str) -> None:
    response = ask(method)
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"].startswith("Bearer ")
    assert "error" not in response.headers["WWW-Authenticate"]


@spec("RFC 6750", "3.1")
def test_another_way_of_authentication_is_like_none(provider: object) -> None:
    response = ask("GET", auth=("client", "secret"))
    assert response.status_code == 401
    assert response.headers["WWW-Authenticate"].startswith("Bearer ")
    assert "error" not in response.headers["WWW-Authenticate"]


@spec("RFC 6750", "3.1")
@pytest.mark.parametrize("token", ["x", "x" * 43, "a.b.c", "x" * 9000])
@pytest.mark.parametrize("placement", ["header", "form"])
def test_an_unknown_token(provider: object, token: str, placement: str) -> None:
    if placement == "header":
        response = ask("GET", headers=bearer(token))
    else:
        response = ask("POST", data={"access_token": token})
    refused(response, 401, "invalid_token")


@spec("RFC 6750", "3.1")
@pytest.mark.parametrize("header", ["Bearer", "Bearer  =", "Bearer a b", "Bearer a,b"])
def test_a_header_that_cannot_be_read(provider: object, header: str) -> None:
    refused(ask("GET", headers={"Authorization": header.encode()}), 400, "invalid_request")


@spec("RFC 6750", "2")
def test_two_tokens_are_refused(relying_party: RelyingParty) -> None:
    token = relying_party.tokens()["access_token"]
    refused(
        ask("POST", headers=bearer(token), data={"access_token": token}), 400, "invalid_request"
    )


@spec("RFC 6750", "3.1")
def test_a_token_without_openid(relying_party: RelyingParty) -> None:
    response = relying_party.userinfo(relying_party.tokens(scope="email")["access_token"])
    refused(response, 403, "insufficient_scope")
    assert 'scope="openid"' in response.headers["WWW-Authenticate"]


@spec("RFC 6750", "3.1")
def test_an_expired_token(relying_party: RelyingParty) -> None:
    token = relying_party.tokens()["access_token"]
    AccessToken.objects.filter(user__sub=relying_party.user.sub).update(
        expires=timezone.now() - timedelta(seconds=1)
    )
    refused(relying_party.userinfo(token), 401, "invalid_token")


@spec("OIDC Core", "5.3.3")
def test_a_token_ends_with_its_session(relying_party: RelyingParty) -> None:
    token = relying_party.tokens()["access_token"]
    relying_party.browser.submit(relying_party.browser.open("/account/logout/"), "confirm-logout")
    refused(relying_party.userinfo(token), 401, "invalid_token")


@spec("OIDC Core", "5.3.3")
def test_a_token_ends_with_the_account(relying_party: RelyingParty) -> None:
    token = relying_party.tokens()["access_token"]
    User.objects.filter(sub=relying_party.user.sub).update(is_active=False)
    refused(relying_party.userinfo(token), 401, "invalid_token")


@spec("OIDC Core", "5.3.3")
def test_a_token_ends_when_its_client_is_disabled(relying_party: RelyingParty) -> None:
    token = relying_party.tokens()["access_token"]
    make_client(client_id=relying_party.client.client_id, enabled=False)
    refused(relying_party.userinfo(token), 401, "invalid_token")


@spec("OIDC Core", "5.3.3")
def test_a_clients_own_token_is_about_no_user(browser: Browser, user: EndUser) -> None:
    client = make_client(grant_types=["client_credentials"], response_types=[], redirect_uris=None)
    machine = RelyingParty(client, browser, user)
    token = machine.token(grant_type="client_credentials").json()["access_token"]
    refused(machine.userinfo(token), 403, "insufficient_scope")
