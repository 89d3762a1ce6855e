"""A browser stays known to the accounts that were used at it, until that is ended."""

import time

import pytest
from django.conf import settings
from django.http import HttpResponse
from django.test import RequestFactory

from accounts import known_browsers, operations
from accounts.known_browsers import MOST, known_browser, remember
from accounts.models import User
from tests.relying_party import Browser, EndUser, forms_of, is_page, mailed_code, make_user

COOKIE = settings.KNOWN_BROWSER_COOKIE_NAME


@pytest.fixture
def user_row(user: EndUser) -> User:
    return User.objects.get(email=user.email)


def at(browser: Browser):
    """Return a request that this browser would send."""
    request = RequestFactory().get("/")
    request.COOKIES[COOKIE] = browser.cookies.get(COOKIE, "")
    return request


def knows(user_row: User, browser: Browser) -> bool:
    return known_browser(at(browser), User.objects.get(pk=user_row.pk)) is not None


def test_a_sign_in_makes_it_known_and_a_sign_out_keeps_it_so(
    browser: Browser, user: EndUser, user_row: User
) -> None:
    assert not knows(user_row, browser)
    browser.sign_in(user)
    assert knows(user_row, browser)
    first = known_browser(at(browser), user_row)
    browser.submit(browser.open("/account/logout/"), "confirm-logout")
    assert knows(user_row, browser)
    browser.sign_in(user)
    assert known_browser(at(browser), User.objects.get(pk=user_row.pk)) == first


def test_the_cookie_is_for_the_server_alone(browser: Browser, user: EndUser) -> None:
    page = browser.open("/account/login/")
    form = {"login": user.email, "password": user.password}
    token = page.text.split('csrfmiddlewaretoken" value="')[1].split('"')[0]
    response = browser.post(page.url.path, data={**form, "csrfmiddlewaretoken": token})
    cookie = next(it for it in response.headers.get_list("Set-Cookie") if it.startswith(COOKIE))
    assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= set(cookie.split("; "))
    assert user.email not in cookie
    assert user.sub not in cookie


def test_several_accounts_at_one_browser(browser: Browser, user: EndUser, user_row: User) -> None:
    other = make_user()
    browser.sign_in(user)
    browser.sign_in(other, browser.open("/account/login/", fresh="1"))
    assert knows(user_row, browser)
    assert knows(User.objects.get(email=other.email), browser)


def test_a_wrong_password_makes_nothing_known(
    browser: Browser, user: EndUser, user_row: User
) -> None:
    browser.sign_in(EndUser(user.email, "wrong", ""))
    assert COOKIE not in browser.cookies


@pytest.mark.parametrize("how", ["password", "operator", "sessions", "reset"])
def test_what_makes_every_browser_a_stranger(
    browser: Browser, user: EndUser, user_row: User, how: str
) -> None:
    with Browser() as present:
        browser.sign_in(user)
        present.sign_in(user)
        if how == "password":
            user_row.set_password("three wise boats at anchor")
            user_row.save()
        elif how == "operator":
            operations.end_all_sessions(user_row)
        elif how == "sessions":
            page = present.open("/account/sessions/")
            form = next(form for form in forms_of(page) if not form.action and form.fields)
            present.settle(present.post(page.url.path, data={**form.fields, "end": "others"}))
        else:
            page = present.submit(present.open("/account/password/reset/"), email=user.email)
            page = present.submit(page, code=mailed_code(user.email))
            home = present.submit(page, password1="three wise boats at anchor")
            assert is_page(home, "/account/")
        assert not knows(user_row, browser)
        # Where the user still is, it is theirs.
        assert knows(user_row, present) is (how in {"sessions", "reset"})


def test_nobody_makes_such_a_cookie_up(browser: Browser, user: EndUser, user_row: User) -> None:
    other = make_user()
    browser.sign_in(other)
    theirs = browser.cookies[COOKIE]
    for forged in (theirs, f"{user_row.pk}:x:y", theirs.replace("~", ""), "~" * 5000, "\x00", "ä"):
        request = RequestFactory().get("/")
        request.COOKIES[COOKIE] = forged
        assert known_browser(request, user_row) is None


def test_it_grows_no_further_and_is_read_in_no_time(user_row: User, user: EndUser) -> None:
    request = RequestFactory().get("/")
    users = [User.objects.get(email=make_user().email) for _ in range(MOST + 2)]
    for each in users:
        response = HttpResponse()
        remember(request, response, each)
        request.COOKIES[COOKIE] = response.cookies[COOKIE].value
    assert len(request.COOKIES[COOKIE]) < 1500
    known = [known_browser(request, each) is not None for each in users]
    assert known == [False] * 2 + [True] * MOST
    began = time.thread_time()
    request.COOKIES[COOKIE] = "~".join([request.COOKIES[COOKIE]] * 50)
    assert known_browser(request, user_row) is None
    assert time.thread_time() - began < 0.1


def test_it_ends_by_itself(user_row: User, monkeypatch: pytest.MonkeyPatch) -> None:
    from datetime import timedelta

    request, response = RequestFactory().get("/"), HttpResponse()
    remember(request, response, user_row)
    request.COOKIES[COOKIE] = response.cookies[COOKIE].value
    assert known_browser(request, user_row)
    monkeypatch.setattr(known_browsers, "VALID_FOR", timedelta(seconds=-1))
    assert known_browser(request, user_row) is None
