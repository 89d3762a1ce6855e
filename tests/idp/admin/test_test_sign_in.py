"""A test sign-in: an operator goes through an app's real one, and sees all that it would get."""

import html
import re
from typing import Any

import httpx
import pytest

from idp.models import AccessToken, Client, ClientSession, Delivery, Grant, RefreshToken
from tests.assertions import jwks_of, make_key
from tests.idp.admin.conftest import Operator, events_of
from tests.relying_party import (
    Registered,
    RelyingParty,
    forms_of,
    is_page,
    make_client,
    make_user,
)
from tests.wire.test_several_accounts import press


def row_of(client: Registered) -> Client:
    return Client.objects.get(client_id=client.client_id)


def page_of(client: Registered) -> str:
    return f"idp/client/{row_of(client).pk}/test-sign-in/"


def begin(operator: Operator, client: Registered, **fields: str) -> httpx.Response:
    """Press the button; the first page of the sign-in, or the end of it."""
    return operator.browser.submit(operator.open(page_of(client)), "confirm", **fields)


def tried(operator: Operator, client: Registered, **fields: str) -> str:
    """Go through a test sign-in, and return what the page at its end says."""
    page = begin(operator, client, **fields)
    if is_page(page, "/consent"):
        page = operator.browser.submit(page, "allow")
    return text_of(page)


def text_of(page: httpx.Response) -> str:
    assert page.status_code == 200, f"{page.status_code} {page.url}\n{page.text[:2000]}"
    assert page.url.path.endswith("/test-sign-in/answer/"), page.url
    assert "no-store" in page.headers["Cache-Control"]
    main = page.text.partition('id="content"')[2]
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", main)).split())


def nothing_lives(client: Registered) -> bool:
    given = Grant.objects.filter(client=row_of(client))
    return given.exists() and not given.filter(revoked_at=None).exists()


def test_each_step_is_shown_and_nothing_is_left(operator: Operator) -> None:
    client = make_client(
        grant_types=["authorization_code", "refresh_token"],
        backchannel_logout_uri="https://rp.example.com/logout",
    )
    text = tried(operator, client)
    assert f"It works: the app would sign in {operator.user.email}" in text
    for title in ("1. The request", "2. The answer", "3. The tokens", "4. The ID token"):
        assert title in text
    assert f"sub {operator.user.sub} Whom it is about" in text
    for check in ("Signature", "iss", "aud", "nonce", "at_hash", "exp", "state", "sub"):
        assert f"{check}: right" in text
    assert f"email {operator.user.email}" in text.partition("5. UserInfo")[2]
    assert "client_secret_basic" in text.partition("Not tried")[2]
    assert "refresh_token 47 characters, not shown" in text

    row = row_of(client)
    assert AccessToken.objects.filter(application=row).exists()
    assert RefreshToken.objects.filter(application=row).exists()
    assert nothing_lives(client)
    assert "test sign-in" in events_of(operator)[-1].reason
    # Nobody took part in a session, so signing out tells the app nothing.
    assert not ClientSession.objects.filter(client=row).exists()
    operator.browser.submit(operator.browser.open("/account/logout/"))
    assert not Delivery.objects.filter(client=row).exists()


def test_the_app_s_own_session_goes_on(operator: Operator) -> None:
    client = make_client()
    app = RelyingParty(client, operator.browser, operator.user)
    token = app.tokens(scope="openid email")["access_token"]
    sid = ClientSession.objects.get(client=row_of(client)).sid
    assert f"sid {sid}" in tried(operator, client)
    assert app.userinfo(token).status_code == 200
    assert ClientSession.objects.get(client=row_of(client)).sid == sid


@pytest.mark.parametrize(
    ("metadata", "said"),
    [
        ({"token_endpoint_auth_method": "none"}, "Signature: right"),
        ({"require_signed_request_object": True, "request_object_signing_alg": "HS256"},
         "Its signature on the request"),
        ({"subject_type": "pairwise", "access_token_format": "jwt"}, "4. The access token"),
        ({"id_token_signed_response_alg": "HS256", "userinfo_signed_response_alg": "ES256",
          "id_token_encrypted_response_alg": "dir"},
         "It is encrypted with the client secret, which opens it."),
        ({"scope": "profile"}, "the app may not ask for the scope openid"),
    ],
)  # fmt: skip
def test_every_kind_of_app_can_be_tried(
    operator: Operator, metadata: dict[str, Any], said: str
) -> None:
    client = make_client(**metadata)
    text = tried(operator, client)
    assert said in text
    assert "It works" in text
    assert nothing_lives(client)


@pytest.mark.parametrize(
    ("response_type", "steps", "found"),
    [
        ("id_token", ["3. The ID token"], ["nonce: right", "Signature: right"]),
        ("token", ["3. UserInfo"], []),
        ("id_token token", ["3. The ID token", "4. UserInfo"], ["at_hash: right", "sub: right"]),
        (
            "code id_token token",
            ["3. The ID token", "4. UserInfo", "5. The tokens", "6. The ID token", "7. UserInfo"],
            ["c_hash: right", "at_hash: right"],
        ),
    ],
)
def test_apps_whose_tokens_come_in_front_are_tried_too(
    operator: Operator, response_type: str, steps: list[str], found: list[str]
) -> None:
    """OIDC Core §3.2.2, §3.3.2. The browser posts what came; it is revoked, and read once."""
    grants = ["implicit", "authorization_code"] if "code" in response_type else ["implicit"]
    client = make_client(
        grant_types=grants, response_types=[response_type], first_party=True, profile="compatible"
    )
    page = begin(operator, client)
    (form,) = (form for form in forms_of(page) if "continue" in form.buttons)
    assert form.action.endswith("/test-sign-in/answer/")
    text = text_of(operator.browser.submit(page, "continue"))
    assert f"It works: the app would sign in {operator.user.email}" in text
    for words in (*steps, *found, "response_mode form_post", "state: right", "iss: right"):
        assert words in text
    assert "the test had the browser post it" in text.partition("Not tried")[2]
    for name in {"id_token", "access_token"} & set(form.fields):
        assert form.fields[name] not in text
    assert nothing_lives(client)
    if token := form.fields.get("access_token"):
        bearer = {"Authorization": f"Bearer {token}"}
        assert operator.browser.get("/userinfo", headers=bearer).status_code == 401
    assert "That test is over" in operator.browser.submit(page, "continue").text


def test_what_only_the_app_can_read_is_said_to_be_so(operator: Operator) -> None:
    client = make_client(
        jwks=jwks_of(make_key("RS256")), id_token_encrypted_response_alg="RSA-OAEP-256"
    )
    text = tried(operator, client)
    assert "the app alone can read and check it" in text
    assert "alg RSA-OAEP-256" in text.partition("Its header")[2]


def test_another_account_of_the_browser_can_be_the_one(operator: Operator) -> None:
    """The operator's own waits meanwhile; the page leads back to it."""
    other, client = make_user(), make_client()
    page = begin(operator, client, prompt="select_account")
    page = press(operator.browser, page, "another", "sign-in")
    page = operator.browser.sign_in(other, page)
    text = text_of(operator.browser.submit(page, "allow"))
    assert f"It works: the app would sign in {other.email}" in text
    assert f"Go back to {operator.user.email}" in text
    assert nothing_lives(client)


def test_a_no_and_what_fails_are_told_with_their_reference(operator: Operator) -> None:
    client = make_client()
    text = text_of(operator.browser.submit(begin(operator, client), "deny"))
    assert "It failed. The app would stop at this step: The answer" in text
    assert "Refused: access_denied" in text
    assert re.search(r"Reference [2-9A-Z]{4}-[2-9A-Z]{4}", text)

    broken = make_client(
        jwks_uri="http://localhost:1/jwks", id_token_encrypted_response_alg="ECDH-ES"
    )
    text = tried(operator, broken)
    assert "The app would stop at this step: The tokens" in text
    assert "has no key for that" in text
    assert nothing_lives(broken)


def test_what_can_t_be_tried_says_why(operator: Operator) -> None:
    disabled = make_client(enabled=False)
    page = operator.open(page_of(disabled))
    assert "The app is disabled" in page.text
    assert 'id="confirm"' not in page.text
    machine = make_client(grant_types=["client_credentials"], response_types=[], redirect_uris=[])
    assert operator.browser.get(f"/admin/{page_of(machine)}").status_code == 404
    summary = operator.open(f"idp/client/{row_of(machine).pk}/change/").text
    assert 'id="test-sign-in"' not in summary


def test_it_takes_the_permission_to_change_apps(support: Operator) -> None:
    client = make_client()
    assert support.browser.get(f"/admin/{page_of(client)}").status_code == 403
    assert 'id="test-sign-in"' not in support.open(f"idp/client/{row_of(client).pk}/change/").text
