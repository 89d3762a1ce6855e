"""Whatever breaks between two statements, nothing is half-issued. SECURITY lines 48, 50.

In this process, on the real database: each statement of a request fails once, in turn.
"""

from base64 import b64encode
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest
from django.conf import settings
from django.db import connection

from accounts.models import Session, User
from idp.models import AccessToken, AuthorizationCode, Delivery, Grant, RefreshToken
from tests.in_process import InProcess
from tests.relying_party import RelyingParty, make_client, spec

OFFLINE = "openid offline_access"
MOST_STATEMENTS = 20


class Crash(Exception):
    """What no code expects."""


class FailAt:
    """Lets the statements before one through, and breaks there."""

    def __init__(self, number: int) -> None:
        self.left = number

    def __call__(self, execute: Callable, sql: str, *arguments: Any) -> Any:
        self.left -= 1
        if self.left == 0:
            raise Crash(sql)
        return execute(sql, *arguments)


@pytest.fixture
def app(relying_party: RelyingParty) -> RelyingParty:
    client = make_client(grant_types=["authorization_code", "refresh_token"])
    return RelyingParty(client, relying_party.browser, relying_party.user)


def post(app: RelyingParty, path: str, **form: str) -> Any:
    """Ask Django itself; what breaks is answered as a server would."""
    basic = b64encode(f"{app.client.client_id}:{app.client.secret}".encode()).decode()
    return InProcess(raise_request_exception=False).post(
        path,
        urlencode(form),
        content_type="application/x-www-form-urlencoded",
        headers={"authorization": f"Basic {basic}"},
    )


def rows_of(app: RelyingParty) -> list[int]:
    """Count what is stored of this client's tokens, and what of it is used or revoked."""
    of = {"application__client_id": app.client.client_id}
    return [
        AuthorizationCode.objects.filter(redeemed_at__isnull=False, **of).count(),
        AccessToken.objects.filter(**of).count(),
        RefreshToken.objects.filter(**of).count(),
        RefreshToken.objects.filter(revoked__isnull=False, **of).count(),
        Grant.objects.filter(
            client__client_id=app.client.client_id, revoked_at__isnull=False
        ).count(),
    ]


POSTGRESQL = connection.vendor == "postgresql"
#: Looking up the client.
CLIENT = 1
#: Using up what was presented and reading its grant, which PostgreSQL does in one statement.
USING_UP = 1 if POSTGRESQL else 2
#: Storing two tokens, which PostgreSQL does in one, too.
STORING = 1 if POSTGRESQL else 2
#: Using up nothing, finding that an answer may have been lost, and using up what it gave.
REPEATING = 4


def fail_everywhere(app: RelyingParty, path: str, **form: str) -> tuple[Any, int]:
    """Break each statement once; afterwards return the answer when none breaks, and how many did.

    After each crash everything is as before.
    """
    post(app, path, **{**form, "grant_type": "x", "token": "x"})  # known from here on
    before = rows_of(app)
    for number in range(1, MOST_STATEMENTS):
        with connection.execute_wrapper(FailAt(number)):
            response = post(app, path, **form)
        if response.status_code == 200:
            return response, number - 1
        assert response.status_code == 500
        assert rows_of(app) == before, f"after a crash at statement {number}"
    raise AssertionError("more statements than expected")


@spec("RFC 6749", "4.1.3")
def test_a_code_whose_exchange_breaks_is_as_good_as_before(app: RelyingParty) -> None:
    response, crashes = fail_everywhere(
        app,
        "/token",
        grant_type="authorization_code",
        code=app.authorize(scope=OFFLINE).code or "",
        redirect_uri=app.client.redirect_uri,
        code_verifier=app.code_verifier,
    )
    assert crashes >= CLIENT + USING_UP + STORING
    assert rows_of(app) == [1, 1, 1, 0, 0]
    tokens = response.json()
    assert app.userinfo(tokens["access_token"]).status_code == 200
    assert app.refresh(tokens["refresh_token"]).status_code == 200


@spec("RFC 6749", "6")
def test_a_refresh_token_whose_use_breaks_is_as_good_as_before(app: RelyingParty) -> None:
    first = app.tokens(scope=OFFLINE)
    response, crashes = fail_everywhere(
        app, "/token", grant_type="refresh_token", refresh_token=first["refresh_token"]
    )
    assert crashes >= CLIENT + USING_UP + STORING
    assert rows_of(app) == [1, 2, 2, 1, 0]
    assert app.refresh(response.json()["refresh_token"]).status_code == 200


class DeletedBefore:
    """Deletes a user right before a statement that begins with these words."""

    def __init__(self, words: str, email: str) -> None:
        self.words, self.email = words, email

    def __call__(self, execute: Callable, sql: str, *arguments: Any) -> Any:
        if self.words in sql and self.email:
            email, self.email = self.email, ""
            User.objects.get(email=email).delete()
        return execute(sql, *arguments)


@spec("RFC 6749", "5.2")
def test_a_user_who_is_deleted_while_tokens_are_made(app: RelyingParty) -> None:
    code = app.authorize(scope=OFFLINE).code or ""
    with connection.execute_wrapper(DeletedBefore("INSERT INTO idp_access", app.user.email)):
        response = post(
            app,
            "/token",
            grant_type="authorization_code",
            code=code,
            redirect_uri=app.client.redirect_uri,
            code_verifier=app.code_verifier,
        )
    tokens = response.json()
    assert app.userinfo(tokens["access_token"]).status_code == 401
    assert app.introspect(tokens["access_token"]) == {"active": False}
    assert app.refresh(tokens["refresh_token"]).json()["error"] == "invalid_grant"


@spec("OIDC Core", "3.1.2.6")
def test_a_user_who_is_deleted_while_a_code_is_made(app: RelyingParty) -> None:
    app.authorize()
    browser = InProcess()
    cookie = settings.SESSION_COOKIE_NAME
    browser.cookies[cookie] = app.browser.cookies[cookie]
    with connection.execute_wrapper(DeletedBefore("INSERT INTO idp_auth", app.user.email)):
        response = browser.get("/authorize", app.parameters(prompt="none"))
    answer = app.answer_of(response["Location"])
    if answer.code:
        assert app.exchange(answer.code).json()["error"] == "invalid_grant"
    else:
        assert answer.error == "server_error"


@spec("RFC 9700", "4.14.2")
def test_a_lost_answer_whose_repetition_breaks(app: RelyingParty) -> None:
    client = make_client(
        grant_types=["authorization_code", "refresh_token"], refresh_token_grace=30
    )
    app = RelyingParty(client, app.browser, app.user)
    first = app.tokens(scope=OFFLINE)
    lost = app.refresh(first["refresh_token"]).json()
    response, crashes = fail_everywhere(
        app, "/token", grant_type="refresh_token", refresh_token=first["refresh_token"]
    )
    assert crashes >= CLIENT + REPEATING + STORING
    assert app.introspect(lost["refresh_token"]) == {"active": False}
    assert app.refresh(response.json()["refresh_token"]).status_code == 200


@spec("RFC 7009", "2.2")
@pytest.mark.parametrize("kind", ["access_token", "refresh_token"])
def test_a_revocation_is_whole_or_said_to_have_failed(app: RelyingParty, kind: str) -> None:
    tokens = app.tokens(scope=OFFLINE)
    fail_everywhere(app, "/revoke", token=tokens[kind])
    assert app.userinfo(tokens["access_token"]).status_code == 401


@spec("RFC 9700", "4.14.2")
def test_reuse_is_noticed_again_when_noticing_it_broke(app: RelyingParty) -> None:
    first = app.tokens(scope=OFFLINE)
    second = app.refresh(first["refresh_token"]).json()
    form = {"grant_type": "refresh_token", "refresh_token": first["refresh_token"]}
    for number in range(1, MOST_STATEMENTS):
        with connection.execute_wrapper(FailAt(number)):
            response = post(app, "/token", **form)
        if response.status_code == 400:
            break
        assert response.status_code == 500
    assert response.json()["error"] == "invalid_grant"
    assert app.userinfo(second["access_token"]).status_code == 401


@spec("OIDC Back-Channel Logout", "2.3")
def test_a_sign_out_that_breaks_is_whole_or_has_not_happened(app: RelyingParty) -> None:
    client = make_client(backchannel_logout_uri="https://rp.example.com/told")
    app = RelyingParty(client, app.browser, app.user)
    app.tokens()
    cookie = app.browser.cookies[settings.SESSION_COOKIE_NAME]
    session = Session.objects.get(user__email=app.user.email)
    for number in range(1, MOST_STATEMENTS):
        browser = InProcess(raise_request_exception=False)
        browser.cookies[settings.SESSION_COOKIE_NAME] = cookie
        with connection.execute_wrapper(FailAt(number)):
            response = browser.post("/account/logout/")
        session.refresh_from_db()
        told = Delivery.objects.filter(client__client_id=client.client_id).count()
        assert told == (session.ended_at is not None), f"after a crash at statement {number}"
        if response.status_code == 302:
            break
        assert response.status_code == 500
    assert session.ended_at is not None
    assert number > 4
