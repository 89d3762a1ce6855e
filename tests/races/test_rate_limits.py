"""A hundred attempts at once, from as many browser sessions: never more than allowed are judged."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import timedelta
from threading import Barrier
from typing import Any

import pytest
from django.db import connection

from accounts import code_limits, password_limits
from accounts.models import User
from foundation import rate_limits
from foundation.models import RateCount
from foundation.rate_limits import RateLimit, RateLimitExceededError
from tests.relying_party import (
    Browser,
    EndUser,
    is_page,
    mailed_code,
    make_user_with_app,
    spec,
    unique,
)

AT_ONCE = 100
TEN = RateLimit("test-race-ten", 10, timedelta(minutes=10))
HUNDRED = RateLimit("test-race-hundred", 100, timedelta(minutes=10))


def all_at_once(do: Callable[[int], Any], times: int = AT_ONCE) -> list[Any]:
    together = Barrier(times)

    def run(number: int) -> Any:
        together.wait()
        return do(number)

    with ThreadPoolExecutor(times) as threads:
        return list(threads.map(run, range(times)))


@pytest.fixture
def browsers(provider: object) -> Iterator[list[Browser]]:
    """As many browsers as there are attempts, each from a network of its own."""
    with ExitStack() as opened:
        yield [opened.enter_context(Browser()) for _ in range(AT_ONCE)]


def test_of_many_counts_at_once_as_many_pass_as_are_allowed(database: None) -> None:
    by = unique("race")

    def attempt(_: int) -> bool:
        try:
            # In this order and the other: neither waits for the other for ever.
            pair = [(TEN, by), (HUNDRED, by)]
            rate_limits.count(*pair if _ % 2 else reversed(pair))
        except RateLimitExceededError:
            return False
        finally:
            connection.close()
        return True

    assert sum(all_at_once(attempt)) == TEN.allowed
    counts = [
        RateCount.objects.get(key=rate_limits._key((limit, by))).count for limit in (TEN, HUNDRED)
    ]
    assert counts == [AT_ONCE, AT_ONCE]


@spec("ASVS", "6.3.1")
def test_wrong_passwords_of_many_strangers_at_once(browsers: list[Browser], user: EndUser) -> None:
    pages = [browser.open("/account/login/") for browser in browsers]
    wrong = EndUser(user.email, "not the password at all", "")
    answers = all_at_once(lambda number: browsers[number].type_password(wrong, pages[number]))
    judged = sum(is_page(answer, "/account/login/") for answer in answers)
    assert judged == password_limits.UNKNOWN_BROWSERS.allowed
    assert all(
        is_page(answer, "/account/login/") or is_page(answer, "/account/login/mailed-code/")
        for answer in answers
    )


@spec("ASVS", "6.5.5")
@pytest.mark.parametrize("kind", ["reset", "sign-up", "sign-in"])
def test_wrong_codes_of_one_browser_session_at_once(
    browser: Browser, user: EndUser, kind: str
) -> None:
    """All of them read the session before any of them writes it."""
    if kind == "reset":
        page = browser.submit(browser.open("/account/password/reset/"), email=user.email)
        email = user.email
    elif kind == "sign-up":
        email = f"{unique('neo')}@example.com"
        page = browser.submit(
            browser.open("/account/signup/"), email=email, password1="a quiet boat on the river"
        )
    else:
        spend(password_limits.UNKNOWN_BROWSERS, user.email)
        page = browser.type_password(user)
        email = user.email
    wrong = f"{(int(mailed_code(email)) + 1) % 1_000_000:06}"
    copies = []
    for _ in range(AT_ONCE):
        copy = Browser()
        copy.cookies.update(browser.cookies)
        copies.append(copy)
    answers = all_at_once(lambda number: copies[number].submit(page, code=wrong))
    for copy in copies:
        copy.close()
    judged = sum("That code is not right" in answer.text for answer in answers)
    # The last of those that are judged leads to the page for another code, like those beyond it.
    assert judged <= code_limits.ATTEMPTS.allowed
    right = mailed_code(email)
    assert not is_page(browser.submit(page, code=right), "/account/")
    assert is_page(browser.open("/account/"), "/account/login/")


@spec("ASVS", "6.3.1")
def test_wrong_codes_of_many_browser_sessions_at_once(
    browsers: list[Browser], user: EndUser
) -> None:
    """Twenty resets asked for at as many browsers, five codes typed at each, all at once."""
    asking = browsers[:20]
    pages = [
        browser.submit(browser.open("/account/password/reset/"), email=user.email)
        for browser in asking
    ]
    spend(code_limits.ATTEMPTS_UNKNOWN_BROWSERS, user.email, left=7)
    answers = all_at_once(lambda number: asking[number % 20].submit(pages[number % 20], code="0"))
    refused = [answer for answer in answers if answer.status_code == 429]
    assert len(answers) - len(refused) <= 7 + 20  # those whose code was spent meanwhile
    judged = sum("That code is not right" in answer.text for answer in answers)
    assert judged <= 7
    assert "Retry-After" in refused[0].headers


@spec("NIST SP 800-63B-4", "3.2.2")
def test_wrong_codes_of_a_second_factor_at_once(browsers: list[Browser], provider: object) -> None:
    victim = make_user_with_app()
    pages = [browser.type_password(victim) for browser in browsers[:40]]
    wrong = victim.app.wrong_code() if victim.app else ""
    answers = all_at_once(
        lambda number: browsers[number].submit(pages[number], code=wrong), times=40
    )
    judged = sum("That code is not right" in answer.text for answer in answers)
    assert judged == code_limits.SECOND_FACTOR.allowed
    assert sum("Too many wrong codes" in answer.text for answer in answers) == 40 - judged


def test_sign_ups_with_one_address_at_once(browsers: list[Browser]) -> None:
    email = f"{unique('neo')}@example.com"
    pages = [browser.open("/account/signup/") for browser in browsers[:8]]

    def sign_up(number: int) -> Any:
        password = f"a quiet boat on river {number}"
        return browsers[number].submit(pages[number], email=email, password1=password)

    answers = all_at_once(sign_up, times=8)
    paths = {answer.url.path for answer in answers}
    assert paths <= {"/account/confirm-email/", "/account/signup/"}
    assert "/account/confirm-email/" in paths
    assert User.objects.filter(email=email).count() == 1


def spend(limit: RateLimit, by: str, left: int = 0) -> None:
    rate_limits.count((limit, by))
    spent = RateCount.objects.filter(key=rate_limits._key((limit, by)))
    spent.update(count=limit.allowed - left)
