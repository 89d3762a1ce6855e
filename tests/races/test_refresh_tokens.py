"""Twenty uses of one refresh token at once, and uses during a revocation."""

from base64 import b64encode
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier, Event
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from django.db import connection

from foundation.statements import hash_of
from idp.models import Client, RefreshToken
from tests.in_process import InProcess
from tests.relying_party import Browser, EndUser, RelyingParty, make_client, spec

AT_ONCE = 20
OFFLINE = "openid offline_access"


def using(browser: Browser, user: EndUser, **metadata: Any) -> RelyingParty:
    client = make_client(grant_types=["authorization_code", "refresh_token"], **metadata)
    return RelyingParty(client, browser, user)


def together(*acts: Callable[[], httpx.Response]) -> list[httpx.Response]:
    """Do all of it at the same moment, and return the answers in order."""
    barrier = Barrier(len(acts))

    def one(act: Callable[[], httpx.Response]) -> httpx.Response:
        barrier.wait()
        return act()

    with ThreadPoolExecutor(len(acts)) as threads:
        return list(threads.map(one, acts))


def won(responses: list[httpx.Response]) -> list[dict[str, Any]]:
    """Return the tokens that were given; all others were refused, and nothing broke."""
    lost = [response for response in responses if response.status_code != 200]
    assert {response.status_code for response in lost} <= {400}
    assert {response.json()["error"] for response in lost} <= {"invalid_grant"}
    return [response.json() for response in responses if response.status_code == 200]


def is_valid(app: RelyingParty, tokens: dict[str, Any]) -> bool:
    return app.introspect(tokens["refresh_token"])["active"]


def assert_dead(app: RelyingParty, tokens: dict[str, Any]) -> None:
    assert app.userinfo(tokens["access_token"]).status_code == 401
    assert not is_valid(app, tokens)
    assert app.refresh(tokens["refresh_token"]).json()["error"] == "invalid_grant"


@spec("RFC 9700", "4.14.2")
@pytest.mark.parametrize("method", ["client_secret_basic", "none"])
def test_of_many_uses_at_once_one_wins_and_nothing_lives_on(
    browser: Browser, user: EndUser, method: str
) -> None:
    app = using(browser, user, token_endpoint_auth_method=method, refresh_token_grace=0)
    first = app.tokens(scope=OFFLINE)
    responses = together(*[lambda: app.refresh(first["refresh_token"])] * AT_ONCE)
    winners = won(responses)
    assert len(winners) == 1
    for tokens in (first, *winners):
        assert app.userinfo(tokens["access_token"]).status_code == 401
        assert app.refresh(tokens["refresh_token"]).json()["error"] == "invalid_grant"


@spec("RFC 9700", "4.14.2")
def test_a_grace_gives_no_second_chain(browser: Browser, user: EndUser) -> None:
    app = using(browser, user, refresh_token_grace=30)
    first = app.tokens(scope=OFFLINE)
    responses = together(*[lambda: app.refresh(first["refresh_token"])] * AT_ONCE)
    winners = won(responses)
    valid = [tokens for tokens in winners if is_valid(app, tokens)]
    if len(winners) == AT_ONCE:  # one after the other: each repeated the one before
        assert len(valid) == 1
    else:  # two repeated the same answer: that is reuse
        assert valid == []


@spec("RFC 9700", "4.14.2")
@pytest.mark.parametrize("tabs", [2, AT_ONCE])
@pytest.mark.parametrize("form", ["opaque", "jwt"])
def test_tabs_of_a_single_page_app_all_go_on_and_there_is_one_chain(
    browser: Browser, user: EndUser, tabs: int, form: str
) -> None:
    app = using(browser, user, token_endpoint_auth_method="none", access_token_format=form)
    shared = first = app.tokens(scope=OFFLINE)["refresh_token"]
    for _ in range(3):
        given = won(together(*[lambda token=shared: app.refresh(token)] * tabs))
        assert len(given) == tabs
        for tokens in given[:2]:
            assert app.userinfo(tokens["access_token"]).status_code == 200
        (shared,) = {tokens["refresh_token"] for tokens in given}
    chain = RefreshToken.objects.filter(grant__refreshtoken__token_checksum=hash_of(shared))
    assert chain.filter(revoked=None).count() == 1
    assert app.refresh(first).json()["error"] == "invalid_grant"
    assert app.refresh(shared).json()["error"] == "invalid_grant"


@spec("RFC 9700", "4.14.2")
def test_a_tab_that_is_late_while_another_goes_on(browser: Browser, user: EndUser) -> None:
    """The late one is given the same successor, or ends the grant; there is no second chain."""
    app = using(browser, user, token_endpoint_auth_method="none")
    for _ in range(5):
        first = app.tokens(scope=OFFLINE)["refresh_token"]
        second = app.refresh(first).json()["refresh_token"]
        late, gone_on = together(lambda f=first: app.refresh(f), lambda s=second: app.refresh(s))
        if late.status_code == 200:
            assert late.json()["refresh_token"] == second
        grant = RefreshToken.objects.get(token_checksum=hash_of(first)).grant
        valid = RefreshToken.objects.filter(grant=grant, revoked=None).count()
        assert valid == 1 or grant.revoked_at
        assert gone_on.status_code == 200 or grant.revoked_at


@spec("RFC 9700", "4.14.2")
@pytest.mark.parametrize("grace", [0, 30])
def test_the_old_token_and_its_successor_at_once(
    browser: Browser, user: EndUser, grace: int
) -> None:
    """The repetition wins or the successor does, never both."""
    app = using(browser, user, refresh_token_grace=grace)
    for _ in range(5):
        first = app.tokens(scope=OFFLINE)
        second = app.refresh(first["refresh_token"]).json()
        winners = won(
            together(
                *[lambda f=first: app.refresh(f["refresh_token"])] * 2,
                *[lambda s=second: app.refresh(s["refresh_token"])] * 2,
            )
        )
        assert sum(is_valid(app, tokens) for tokens in winners) <= 1


@spec("RFC 7009", "2.1")
@pytest.mark.parametrize("grace", [0, 30])
def test_nothing_given_during_a_revocation_survives_it(
    browser: Browser, user: EndUser, grace: int
) -> None:
    app = using(browser, user, refresh_token_grace=grace)
    for _ in range(5):
        first = app.tokens(scope=OFFLINE)
        *refreshed, revoked = together(
            *[lambda f=first: app.refresh(f["refresh_token"])] * 6,
            lambda f=first: app.revoke(f["refresh_token"]),
        )
        assert revoked.status_code == 200
        for tokens in (first, *won(refreshed)):
            assert_dead(app, tokens)


@spec("RFC 7009", "2.1")
def test_a_chain_in_use_ends_with_its_revocation(browser: Browser, user: EndUser) -> None:
    """One refreshes as fast as it can while the first token of the chain is revoked."""
    app = using(browser, user)
    given = [app.tokens(scope=OFFLINE)]
    under_way = Event()

    def refresh_on_and_on() -> httpx.Response:
        for _ in range(100):
            response = app.refresh(given[-1]["refresh_token"])
            if response.status_code != 200:
                return response
            given.append(response.json())
            if len(given) == 5:
                under_way.set()
        raise AssertionError("the revocation had no effect")

    def revoke_meanwhile() -> httpx.Response:
        assert under_way.wait(30)
        return app.revoke(given[0]["refresh_token"])

    refused, revoked = together(refresh_on_and_on, revoke_meanwhile)
    assert (refused.status_code, revoked.status_code) == (400, 200)
    for tokens in given[-3:]:
        assert_dead(app, tokens)


@spec("RFC 6749", "4.1.2")
def test_a_code_replayed_while_its_tokens_are_refreshed(browser: Browser, user: EndUser) -> None:
    app = using(browser, user)
    for _ in range(5):
        code = app.authorize(scope=OFFLINE).code
        first = app.exchange(code).json()
        refreshed, replayed = together(
            lambda f=first: app.refresh(f["refresh_token"]), lambda c=code: app.exchange(c)
        )
        assert replayed.json()["error"] == "invalid_grant"
        for tokens in (first, *won([refreshed])):
            assert_dead(app, tokens)


class Meanwhile:
    """Does something once, right before tokens are stored: what they are for is used up."""

    def __init__(self, act: Callable[[], Any]) -> None:
        self.act: Callable[[], Any] | None = act
        self.answer: Any = None

    def __call__(self, execute: Callable[..., Any], sql: str, *arguments: Any) -> Any:
        if "INSERT INTO idp_accesstoken" in sql and self.act is not None:
            act, self.act = self.act, None
            self.answer = act()
        return execute(sql, *arguments)


def refresh_in_process(app: RelyingParty, token: str) -> Any:
    form = {"grant_type": "refresh_token", "refresh_token": token}
    headers = {}
    if app.client.secret is None:
        form["client_id"] = app.client.client_id
    else:
        pair = f"{app.client.client_id}:{app.client.secret}".encode()
        headers["authorization"] = f"Basic {b64encode(pair).decode()}"
    return InProcess(headers=headers).post(
        "/token", urlencode(form), content_type="application/x-www-form-urlencoded"
    )


@spec("RFC 9700", "4.14.2")
def test_a_tab_that_comes_while_the_successor_is_made_gets_the_same(
    browser: Browser, user: EndUser
) -> None:
    app = using(browser, user, token_endpoint_auth_method="none")
    shared = app.tokens(scope=OFFLINE)["refresh_token"]
    meanwhile = Meanwhile(lambda: refresh_in_process(app, shared))
    with connection.execute_wrapper(meanwhile):
        first = refresh_in_process(app, shared)
    given = won([first, meanwhile.answer])
    assert len(given) == 2
    (following,) = {tokens["refresh_token"] for tokens in given}
    for tokens in given:
        assert app.userinfo(tokens["access_token"]).status_code == 200
    assert app.refresh(following).status_code == 200


@spec("RFC 9700", "4.14.2")
@pytest.mark.parametrize("grace", [0, 30])
def test_a_second_use_while_the_successor_is_made_is_reuse_where_there_is_a_secret(
    browser: Browser, user: EndUser, grace: int
) -> None:
    app = using(browser, user, refresh_token_grace=grace)
    token = app.tokens(scope=OFFLINE)["refresh_token"]
    meanwhile = Meanwhile(lambda: refresh_in_process(app, token))
    with connection.execute_wrapper(meanwhile):
        first = refresh_in_process(app, token)
    assert meanwhile.answer.json()["error"] == "invalid_grant"
    (tokens,) = won([first, meanwhile.answer])
    assert_dead(app, tokens)


@spec("RFC 6749", "5.2")
def test_what_a_client_gets_that_is_disabled_meanwhile_opens_nothing(
    browser: Browser, user: EndUser
) -> None:
    app = using(browser, user)
    token = app.tokens(scope=OFFLINE)["refresh_token"]

    def disable() -> None:
        client = Client.objects.get(client_id=app.client.client_id)
        client.enabled = False
        client.save()

    with connection.execute_wrapper(Meanwhile(disable)):
        given = refresh_in_process(app, token)
    assert app.userinfo(given.json()["access_token"]).status_code == 401
    refused = app.refresh(given.json()["refresh_token"])
    assert refused.json()["error"] == "invalid_client"
