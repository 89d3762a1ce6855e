"""What operators can do about a user, seen from the user's browser."""

import pytest

from accounts import operations
from accounts.models import Session, User
from tests.relying_party import Browser, EndUser, is_page, was_mailed


@pytest.fixture
def user_row(user: EndUser) -> User:
    return User.objects.get(email=user.email)


def endings(user_row: User) -> list[str]:
    sessions = Session.objects.filter(user=user_row).order_by("created_at")
    return list(sessions.values_list("ending", flat=True))


def test_disabling_ends_everything_at_once(browser: Browser, user: EndUser, user_row: User) -> None:
    browser.sign_in(user)
    operations.disable(user_row)
    assert endings(user_row) == ["account-disabled"]
    page = browser.open("/account/")
    assert is_page(page, "/account/login/")
    page = browser.sign_in(user, page)
    assert is_page(page, "/account/inactive/")
    assert "This account is disabled" in page.text
    assert endings(user_row) == ["account-disabled"]


def test_a_user_whose_password_was_set_for_them_is_notified(
    browser: Browser, user: EndUser, user_row: User
) -> None:
    browser.sign_in(user)
    user_row.set_password("boats that nobody counts")
    user_row.save()
    operations.password_replaced(user_row)
    assert endings(user_row) == ["password-changed"]
    assert is_page(browser.open("/account/"), "/account/login/")
    assert was_mailed(user.email, "have set another password")


def test_whose_password_is_wrong_learns_nothing_of_it(
    browser: Browser, user: EndUser, user_row: User
) -> None:
    operations.disable(user_row)
    page = browser.sign_in(EndUser(user.email, "wrong", ""))
    assert is_page(page, "/account/login/")
    assert "don’t match" in page.text


def test_enabling_lets_them_sign_in_again_and_revives_nothing(
    browser: Browser, user: EndUser, user_row: User
) -> None:
    browser.sign_in(user)
    # A sign-in that crossed with the disabling: its session was made a moment later.
    User.objects.filter(pk=user_row.pk).update(is_active=False)
    operations.enable(user_row)
    assert is_page(browser.open("/account/"), "/account/login/")
    assert is_page(browser.type_password(user), "/account/")


def test_an_unfinished_sign_in_ends_with_disabling(
    browser: Browser, user: EndUser, user_row: User
) -> None:
    operations.require_new_password(user_row)
    page = browser.sign_in(user)
    operations.disable(user_row)
    page = browser.submit(page, password1="three wise boats at anchor")
    assert is_page(page, "/account/login/")
    assert User.objects.get(pk=user_row.pk).check_password(user.password)


def test_ending_all_sessions(browser: Browser, user: EndUser, user_row: User) -> None:
    browser.sign_in(user)
    with Browser() as elsewhere:
        elsewhere.sign_in(user)
        operations.end_all_sessions(user_row)
        assert is_page(elsewhere.open("/account/"), "/account/login/")
    assert is_page(browser.open("/account/"), "/account/login/")
    assert endings(user_row) == ["operator", "operator"]
    assert is_page(browser.type_password(user), "/account/")


def test_ending_one_session_leaves_the_other(
    browser: Browser, user: EndUser, user_row: User
) -> None:
    browser.sign_in(user)
    first = Session.objects.get(user=user_row)
    with Browser() as elsewhere:
        elsewhere.sign_in(user)
        operations.end_session(first)
        assert is_page(elsewhere.open("/account/"), "/account/")
    assert is_page(browser.open("/account/"), "/account/login/")
    assert endings(user_row) == ["operator", ""]
