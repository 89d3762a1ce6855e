"""Strangers neither guess mailed codes for long nor use up those of the account's owner."""

import pytest

from accounts import code_limits
from accounts.models import User
from foundation import rate_limits
from foundation.models import RateCount
from foundation.rate_limits import RateLimit
from tests.relying_party import (
    Browser,
    EndUser,
    is_page,
    mailed_code,
    make_user,
    spec,
    unique,
)

RESET, CODE = "/account/password/reset/", "/account/password/reset/confirm/"
NEW = "three wise boats at anchor"


def ask(browser: Browser, email: str):
    return browser.submit(browser.open(RESET), email=email)


def spend(limit: RateLimit, by: str, left: int = 0) -> None:
    """Let as many attempts have been counted as a limit allows, but some."""
    rate_limits.count((limit, by))
    spent = RateCount.objects.filter(key=rate_limits._key((limit, by)))
    spent.update(count=limit.allowed - left)


def known(browser: Browser, user: EndUser) -> None:
    browser.sign_in(user)
    browser.submit(browser.open("/account/logout/"), "confirm-logout")


@spec("ASVS", "6.3.1")
def test_one_network_cannot_use_up_the_owners_resets(browser: Browser, user: EndUser) -> None:
    with Browser() as stranger:
        for _ in range(code_limits.MAILS_HERE.allowed):
            assert is_page(ask(stranger, user.email), CODE)
        refused = ask(stranger, user.email)
        assert refused.status_code == 429
        assert 500 < int(refused.headers["Retry-After"]) <= 600
        for way in ("Enter the code you have", "Use a passkey", "Back to sign-in"):
            assert way in refused.text
    page = ask(browser, user.email)  # at a browser that the account does not know
    page = browser.submit(page, code=mailed_code(user.email))
    assert is_page(browser.submit(page, password1=NEW), "/account/")


@spec("ASVS", "6.3.1")
@pytest.mark.parametrize(
    ("limit", "prefix"),
    [
        (code_limits.MAILS_UNKNOWN_BROWSERS, "password-reset "),
        (code_limits.ATTEMPTS_UNKNOWN_BROWSERS, ""),
    ],
)
def test_all_strangers_together_stop_strangers_alone(
    browser: Browser, user: EndUser, limit: RateLimit, prefix: str
) -> None:
    known(browser, user)
    spend(limit, f"{prefix}{user.email}")
    with Browser() as stranger:
        page = ask(stranger, user.email)
        if limit is code_limits.ATTEMPTS_UNKNOWN_BROWSERS:
            page = stranger.submit(page, code="000000")
        assert page.status_code == 429
        assert "a browser at which you have signed in" in page.text
        assert "Use a passkey" in page.text
    before = None if prefix else mailed_code(user.email)
    page = browser.submit(ask(browser, user.email), code=mailed_code(user.email, after=before))
    assert is_page(browser.submit(page, password1=NEW), "/account/")


@spec("ASVS", "6.3.8")
def test_the_limits_tell_nothing_about_an_account(user: EndUser) -> None:
    answers = []
    for email in (user.email, f"{unique('nobody')}@example.com"):
        with Browser() as stranger:
            seen = [ask(stranger, email).status_code for _ in range(6)]
        with Browser() as stranger:
            page = ask(stranger, email)
            seen += [stranger.submit(page, code="12345x").url.path for _ in range(6)]
        answers.append(seen)
    assert answers[0] == answers[1]
    assert answers[0][5] == 429


@spec("ASVS", "6.3.1")
def test_another_spelling_or_session_is_no_new_count(user: EndUser) -> None:
    spend(code_limits.ATTEMPTS_UNKNOWN_BROWSERS, user.email)
    for spelling in (user.email.upper(), f" {user.email}"):
        with Browser() as stranger:
            page = stranger.submit(ask(stranger, spelling), code="000000")
            assert page.status_code == 429


@spec("ASVS", "6.5.5")
def test_each_code_has_its_own_few_tries_wherever_the_session_is_copied_to(
    browser: Browser, user: EndUser
) -> None:
    page = ask(browser, user.email)
    before = dict(browser.cookies)
    right = mailed_code(user.email)
    wrong = f"{(int(right) + 1) % 1_000_000:06}"
    for _ in range(code_limits.ATTEMPTS.allowed):
        with Browser() as copy:
            copy.cookies.update(before)
            copy.submit(page, code=wrong)
    with Browser() as copy:
        copy.cookies.update(before)
        assert not is_page(copy.submit(page, code=right), "/account/password/reset/complete/")


def test_right_codes_are_not_counted(browser: Browser, user: EndUser) -> None:
    spend(code_limits.ATTEMPTS_UNKNOWN_BROWSERS, user.email, left=1)
    code = None
    for _ in range(2):
        with Browser() as stranger:
            page = ask(stranger, user.email)
            code = mailed_code(user.email, after=code)
            page = stranger.submit(page, code=code)
            assert is_page(page, "/account/password/reset/complete/")


def test_another_code_at_sign_up_is_counted_whoever_has_the_address(browser: Browser) -> None:
    taken, free = make_user().email, f"{unique('neo')}@example.com"
    answers = []
    for email in (taken, free):
        with Browser() as stranger:
            page = stranger.open("/account/signup/")
            page = stranger.submit(page, email=email, password1=NEW)
            seen = []
            for _ in range(6):
                again = {"action": "resend"}
                token = page.text.split('csrfmiddlewaretoken" value="')[1].split('"')[0]
                answer = stranger.post(
                    "/account/confirm-email/", data={**again, "csrfmiddlewaretoken": token}
                )
                seen.append(answer.status_code)
            answers.append(seen)
    assert answers[0] == answers[1]
    assert answers[0][0] == 302
    assert answers[0][-1] != 302
    assert User.objects.filter(email=taken).count() == 1
