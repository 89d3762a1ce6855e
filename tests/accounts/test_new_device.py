"""Users are notified of the first sign-in at a browser that is new to their account."""

from pathlib import Path

import pytest
from django.conf import settings
from django.contrib.auth.hashers import make_password

from accounts import known_browsers
from accounts.models import User
from tests.accounts.test_letters import FIREFOX
from tests.conftest import Server
from tests.ports import free_port
from tests.relying_party import (
    Browser,
    EndUser,
    is_page,
    mailed_code,
    unique,
    was_mailed,
    was_mailed_by_now,
)

NEW = "that was new to it"
PASSWORD = "three wise boats at anchor"


@pytest.fixture
def returning(user: EndUser) -> EndUser:
    """A user who has signed in at another browser."""
    with Browser() as other:
        other.sign_in(user)
    return user


def test_the_first_browser_is_no_news(browser: Browser, user: EndUser) -> None:
    browser.sign_in(user)
    assert not was_mailed_by_now(user.email, NEW)


def test_a_new_browser_is(browser: Browser, returning: EndUser) -> None:
    browser.headers["User-Agent"] = FIREFOX
    browser.sign_in(returning)
    assert was_mailed(returning.email, NEW)
    assert was_mailed(returning.email, "Device: Firefox on Linux")


def test_once_it_is_known_it_is_no_more(browser: Browser, user: EndUser) -> None:
    browser.sign_in(user)
    browser.submit(browser.open("/account/logout/"), "confirm-logout")
    browser.sign_in(user)
    assert is_page(browser.open("/account/"), "/account/")
    assert not was_mailed_by_now(user.email, NEW)


def test_a_wrong_password_is_no_sign_in(browser: Browser, returning: EndUser) -> None:
    browser.sign_in(EndUser(returning.email, "wrong wrong wrong", ""))
    assert not was_mailed_by_now(returning.email, NEW)


def test_signing_up_is_none(browser: Browser) -> None:
    email = f"{unique('new')}@example.com"
    page = browser.submit(browser.open("/account/signup/"), email=email, password1=PASSWORD)
    browser.submit(page, code=mailed_code(email))
    assert is_page(browser.open("/account/"), "/account/")
    browser.submit(browser.open("/account/logout/"), "confirm-logout")
    browser.sign_in(EndUser(email, PASSWORD, ""))
    assert not was_mailed_by_now(email, NEW)


def test_a_new_password_by_email_has_its_own_notice(browser: Browser, returning: EndUser) -> None:
    page = browser.submit(browser.open("/account/password/reset/"), email=returning.email)
    page = browser.submit(page, code=mailed_code(returning.email))
    browser.submit(page, password1=PASSWORD)
    assert is_page(browser.open("/account/"), "/account/")
    assert was_mailed(returning.email, "A password was set")
    assert not was_mailed_by_now(returning.email, NEW)


def test_a_known_browser_where_a_new_password_is_required(browser: Browser, user: EndUser) -> None:
    browser.sign_in(user)
    browser.submit(browser.open("/account/logout/"), "confirm-logout")
    User.objects.filter(email=user.email).update(password_change_required=True)
    page = browser.sign_in(user)
    browser.submit(page, password1=PASSWORD)
    assert is_page(browser.open("/account/"), "/account/")
    assert not was_mailed_by_now(user.email, NEW)


def test_another_hash_of_the_same_password_makes_no_browser_new(
    browser: Browser, returning: EndUser
) -> None:
    weak = make_password(returning.password, hasher="pbkdf2_sha256")
    User.objects.filter(email=returning.email).update(password=weak)
    row = User.objects.get(email=returning.email)
    entry = known_browsers._signer(row, row.get_session_auth_hash()).sign("b" * 16)
    browser.cookies.set(settings.KNOWN_BROWSER_COOKIE_NAME, entry, "localhost.local")
    browser.sign_in(returning)
    assert User.objects.get(pk=row.pk).password != weak, "rehashed"
    assert not was_mailed_by_now(returning.email, NEW)


def test_operators_can_switch_it_off(returning: EndUser, tmp_path: Path) -> None:
    issuer = f"http://localhost:{free_port()}"
    server = Server(issuer, tmp_path / "log", IDP_NEW_DEVICE_MAIL="off")
    server.wait()
    try:
        with Browser(issuer) as other:
            assert is_page(other.type_password(returning), "/account/")
    finally:
        server.stop()
    assert not was_mailed_by_now(returning.email, NEW)


def test_a_browser_where_the_password_was_changed_stays_known(
    browser: Browser, user: EndUser
) -> None:
    browser.sign_in(user)
    page = browser.open("/account/password/")
    browser.submit(page, present=user.password, password1=PASSWORD)
    browser.submit(browser.open("/account/logout/"), "confirm-logout")
    assert is_page(browser.type_password(EndUser(user.email, PASSWORD, "")), "/account/")
    assert not was_mailed_by_now(user.email, NEW)
