"""Answers and polls of one sign-in elsewhere at the same moment. OIDC CIBA §11."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Barrier
from typing import Any

from idp.models import Grant
from tests.asking import Desk
from tests.relying_party import Browser, EndUser

AT_ONCE = 8


def together(calls: list[Any]) -> list[Any]:
    barrier = Barrier(len(calls))

    def one(call: Any) -> Any:
        barrier.wait()
        return call()

    with ThreadPoolExecutor(len(calls)) as threads:
        return list(threads.map(one, calls))


def test_one_answer_counts_and_tokens_are_given_once(browser: Browser, user: EndUser) -> None:
    browser.sign_in(user)
    for _ in range(3):
        desk = Desk(user).asks()
        page = browser.open(desk.page)
        answers = ["approve", "deny"] * (AT_ONCE // 2)
        together([partial(browser.submit, page, it) for it in answers])
        grants = Grant.objects.filter(client__client_id=desk.client.client_id)
        approved = desk.row.status == "approved"
        assert grants.count() == approved
        polls = together([partial(desk.poll, waits=False)] * AT_ONCE)
        given = [it for it in polls if it.status_code == 200]
        assert len(given) == approved
        errors = {it.json()["error"] for it in polls if it.status_code != 200}
        assert errors == ({"invalid_grant"} if approved else {"access_denied"})
        for it in given:  # the others end nothing
            assert desk.party.userinfo(it.json()["access_token"]).status_code == 200


def test_of_polls_at_once_all_but_one_are_too_many(provider: object, user: EndUser) -> None:
    desk = Desk(user).asks()
    errors = [it.json()["error"] for it in together([partial(desk.poll, waits=False)] * AT_ONCE)]
    assert sorted(errors) == ["authorization_pending"] + ["slow_down"] * (AT_ONCE - 1)
    assert desk.row.interval == 5 * AT_ONCE


def test_requests_at_once_are_few(provider: object, user: EndUser) -> None:
    """Those of several apps, each within its own limit."""
    desks = [Desk(user) for _ in range(AT_ONCE)]
    codes = [it.status_code for it in together([desk.send for desk in desks])]
    assert sorted(codes) == [200] * 3 + [429] * (AT_ONCE - 3)
