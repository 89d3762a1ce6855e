"""Changing the password while signed in. ASVS 6.2.2, 6.2.3, 7.4.3."""

from datetime import timedelta

import pytest
from django.utils import timezone

from accounts import password_limits
from accounts.models import Session, User
from tests.relying_party import Browser, EndUser, RelyingParty, is_page, make_client, was_mailed

PAGE, HOME, LOGIN = "/account/password/", "/account/", "/account/login/"
NEW = "three wise boats at anchor"


def change(browser: Browser, present: str, new: str = NEW):
    return browser.submit(browser.open(PAGE), present=present, password1=new)


def test_this_browser_stays_and_all_others_are_signed_out(browser: Browser, user: EndUser) -> None:
    app = RelyingParty(make_client(first_party=True), browser, user)
    tokens = app.tokens()
    with Browser() as elsewhere:
        elsewhere.sign_in(user)
        page = change(browser, user.password)
        assert "Your password is changed." in page.text
        assert is_page(browser.open(HOME), HOME)
        assert is_page(elsewhere.open(HOME), LOGIN)
    assert app.userinfo(tokens["access_token"]).status_code == 200
    endings = Session.objects.filter(user__email=user.email).order_by("created_at")
    assert [one.ending for one in endings] == ["", "password-changed"]
    assert User.objects.get(email=user.email).check_password(NEW)
    assert was_mailed(user.email, "password")


def test_the_session_key_is_another_one(browser: Browser, user: EndUser) -> None:
    browser.sign_in(user)
    before = browser.cookies["signet-session"]
    change(browser, user.password)
    assert browser.cookies["signet-session"] != before


@pytest.mark.parametrize(
    ("present", "new", "said"),
    [
        ("not the password", NEW, "That is not your present password."),
        (None, "short", "At least"),
        (None, None, "Choose another password than the one you had."),
    ],
)
def test_what_is_wrong_is_said_at_its_field(
    browser: Browser, user: EndUser, present: str | None, new: str | None, said: str
) -> None:
    browser.sign_in(user)
    page = change(browser, present or user.password, new or user.password)
    assert is_page(page, PAGE)
    assert said in page.text
    assert User.objects.get(email=user.email).check_password(user.password)


def test_a_stolen_session_does_not_guess_the_password(browser: Browser, user: EndUser) -> None:
    """The attempts share the account's limits with the sign-in page."""
    browser.sign_in(user)
    allowed = password_limits.KNOWN_BROWSER.allowed + password_limits.UNKNOWN_BROWSERS.allowed
    for number in range(allowed):
        page = change(browser, f"wrong password number {number}")
        assert "That is not your present password." in page.text
    page = change(browser, user.password)
    assert "Too many wrong passwords were typed." in page.text
    assert User.objects.get(email=user.email).check_password(user.password)


def test_an_old_sign_in_has_to_be_renewed_first(browser: Browser, user: EndUser) -> None:
    browser.sign_in(user)
    Session.objects.filter(user__email=user.email).update(
        authenticated_at=timezone.now() - timedelta(hours=1)
    )
    assert is_page(browser.open(PAGE), LOGIN)
