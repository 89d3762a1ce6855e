"""The resource owner password credentials grant. RFC 6749 §4.3, RFC 9700 §2.4."""

import random
from typing import Any

import httpx
import pytest

from accounts.password_limits import GRANT_ACCOUNT, GRANT_IP_ADDRESS
from foundation import rate_limits
from foundation.models import RateCount
from tests import secrecy
from tests.conftest import recorded_events
from tests.relying_party import (
    ISSUER,
    Browser,
    EndUser,
    RelyingParty,
    is_page,
    make_client,
    make_user,
    make_user_with_app,
    spec,
    unique,
    verified,
)

GRANTS = {"grant_types": ["password"], "response_types": [], "redirect_uris": None}


@pytest.fixture
def old_app(browser: Browser, user: EndUser) -> RelyingParty:
    """An app that asks for passwords itself, and that an operator opened for it."""
    return RelyingParty(make_client(**GRANTS), browser, user)


def ask(
    app: RelyingParty,
    username: str,
    password: str,
    address: str | None = None,
    **parameters: Any,
) -> httpx.Response:
    """Ask for tokens with a user's password."""
    secrecy.used.note(password)
    return app.post(
        "/token",
        headers={"X-Forwarded-For": address or own_address()},
        grant_type="password",
        username=username,
        password=password,
        **parameters,
    )


def own_address() -> str:
    """Return an IP address that nothing else comes from."""
    return ".".join(str(random.randint(1, 250)) for _ in range(4))


def start_network_count_anew(address: str) -> None:
    """Let a minute pass for the limit by network."""
    rate_limits.forget((GRANT_IP_ADDRESS, address))


def of(app: RelyingParty, **parameters: Any) -> httpx.Response:
    return ask(app, app.user.email, app.user.password, **parameters)


@spec("RFC 6749", "4.3.3")
def test_tokens(old_app: RelyingParty) -> None:
    response = of(old_app, scope="openid email")
    assert response.status_code == 200, response.text
    assert response.headers["Cache-Control"] == "no-store"
    tokens = response.json()
    assert set(tokens["scope"].split()) == {"openid", "email"}
    assert "refresh_token" not in tokens
    assert old_app.userinfo(tokens["access_token"]).json()["email"] == old_app.user.email
    claims = verified(tokens["id_token"])
    assert (claims["sub"], claims["amr"]) == (old_app.user.sub, ["pwd"])
    assert "nonce" not in claims


@spec("RFC 6749", "4.3.2")
@pytest.mark.parametrize("missing", ["username", "password"])
def test_what_is_missing_is_named(old_app: RelyingParty, missing: str) -> None:
    sent = {"username": old_app.user.email, "password": old_app.user.password, missing: None}
    response = old_app.token(grant_type="password", **sent)
    assert response.json()["error"] == "invalid_request"
    assert missing in response.json()["error_description"]


def test_other_clients_cannot(relying_party: RelyingParty) -> None:
    assert of(relying_party).json()["error"] == "unauthorized_client"


def test_a_wrong_client_secret_is_seen_before_a_password(old_app: RelyingParty) -> None:
    old_app.client.secret = "x" * 43
    assert of(old_app).json()["error"] == "invalid_client"


@pytest.mark.parametrize("scope", ["openid offline_access", "openid telepathy"])
def test_scopes_beyond_are_refused(old_app: RelyingParty, scope: str) -> None:
    assert of(old_app, scope=scope).json()["error"] == "invalid_scope"


def refused_users() -> list[EndUser]:
    """Return users whose password is right, and not enough."""
    from allauth.account.models import EmailAddress

    from accounts.models import User

    disabled, unverified, must_choose = make_user(), make_user(), make_user()
    User.objects.filter(email=disabled.email).update(is_active=False)
    User.objects.filter(email=must_choose.email).update(password_change_required=True)
    EmailAddress.objects.filter(email=unverified.email).update(verified=False)
    return [disabled, unverified, must_choose, make_user_with_app()]


def test_one_error_whatever_it_is(old_app: RelyingParty) -> None:
    wrong = [
        ask(old_app, old_app.user.email, "not the password"),
        ask(old_app, f"{unique('nobody')}@example.com", "not the password"),
        ask(old_app, "no address", "not the password"),
        *(ask(old_app, refused.email, refused.password) for refused in refused_users()),
    ]
    answers = [response.json() for response in wrong]
    assert {response.status_code for response in wrong} == {400}
    assert {(a["error"], a["error_description"]) for a in answers} == {
        ("invalid_grant", answers[0]["error_description"])
    }
    assert "password is right, but not enough" in recorded_events()


def test_guessing_is_counted_however_the_name_is_spelled(old_app: RelyingParty) -> None:
    address = own_address()
    for i in range(20):
        name = old_app.user.email.upper() if i % 2 else f" {old_app.user.email} "
        assert ask(old_app, name, f"wrong {i} password", address).status_code == 400
        if i == 10:
            start_network_count_anew(address)
    start_network_count_anew(address)
    response = of(old_app, address=address)
    assert response.status_code == 429
    assert response.json()["error"] == "invalid_grant"
    assert 500 < int(response.headers["Retry-After"]) <= 600
    # Neither other apps nor the sign-in page are refused.
    assert of(old_app).status_code == 200
    assert is_page(old_app.browser.type_password(old_app.user), "/account/")


def test_guessing_from_everywhere_is_counted_too(old_app: RelyingParty) -> None:
    rate_limits.count((GRANT_ACCOUNT, old_app.user.email))
    RateCount.objects.filter(key=rate_limits._key((GRANT_ACCOUNT, old_app.user.email))).update(
        count=GRANT_ACCOUNT.allowed - 1
    )
    assert ask(old_app, old_app.user.email, "wrong").status_code == 400
    assert of(old_app).status_code == 429
    assert is_page(old_app.browser.type_password(old_app.user), "/account/")


def test_guessing_is_counted_by_network_address(old_app: RelyingParty) -> None:
    address = own_address()
    for i in range(20):
        ask(old_app, f"{unique('nobody')}@example.com", f"wrong {i} password", address)
    assert of(old_app, address=address).status_code == 429
    assert of(old_app).status_code == 200


def test_counting_does_not_tell_that_a_password_is_right(old_app: RelyingParty) -> None:
    user = refused_users()[0]
    address = own_address()
    statuses = [ask(old_app, user.email, user.password, address).status_code for _ in range(21)]
    assert statuses == [400] * 20 + [429]


def test_right_passwords_are_not_counted(old_app: RelyingParty) -> None:
    address = own_address()
    statuses = {of(old_app, address=address).status_code for _ in range(25)}
    assert statuses == {200}


def test_ending_all_sessions_ends_it(old_app: RelyingParty) -> None:
    from accounts.models import Session
    from accounts.sessions import Ending, end_sessions

    token = of(old_app).json()["access_token"]
    assert old_app.userinfo(token).status_code == 200
    theirs = Session.objects.filter(user__email=old_app.user.email, ended_at=None)
    end_sessions(theirs, Ending.OPERATOR)
    assert old_app.userinfo(token).status_code == 401


def test_refresh_tokens_where_the_operator_says_so(browser: Browser, user: EndUser) -> None:
    grants = {**GRANTS, "grant_types": ["password", "refresh_token"]}
    client = make_client(**grants, refresh_without_offline_access=True)
    app = RelyingParty(client, browser, user)
    tokens = of(app).json()
    assert app.refresh(tokens["refresh_token"]).status_code == 200


def test_it_is_recorded(old_app: RelyingParty) -> None:
    of(old_app)
    assert "The app sent the password" in recorded_events()


@pytest.mark.parametrize("username", ["x" * 5000, "ä@ö.example", "a@b\n", "'; --", "%00"])
def test_odd_usernames(old_app: RelyingParty, username: str) -> None:
    response = ask(old_app, username, "not the password")
    assert response.status_code in {400, 429}
    assert response.json()["error"] == "invalid_grant"
    assert ISSUER in response.json()["error_uri"]
