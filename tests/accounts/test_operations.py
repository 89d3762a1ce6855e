"""What operators can do about a person, seen from the person's browser."""

import time

import pytest
from django.core import mail

from accounts import operations
from accounts.models import Session, User
from tests.relying_party import Browser, Person, is_page


@pytest.fixture
def user(person: Person) -> User:
    return User.objects.get(email=person.email)


def endings(user: User) -> list[str]:
    sessions = Session.objects.filter(user=user).order_by("created_at")
    return list(sessions.values_list("ending", flat=True))


def test_disabling_ends_everything_at_once(browser: Browser, person: Person, user: User) -> None:
    browser.sign_in(person)
    operations.disable(user)
    assert endings(user) == ["account-disabled"]
    page = browser.open("/account/")
    assert is_page(page, "/account/login/")
    page = browser.sign_in(person, page)
    assert is_page(page, "/account/inactive/")
    assert "This account is disabled" in page.text
    assert endings(user) == ["account-disabled"]


def test_whose_password_was_set_for_them_is_told(
    browser: Browser, person: Person, user: User
) -> None:
    browser.sign_in(person)
    user.set_password("boats that nobody counts")
    user.save()
    operations.password_replaced(user)
    assert endings(user) == ["password-changed"]
    assert is_page(browser.open("/account/"), "/account/login/")
    told: list[list[str]] = []
    for _ in range(100):
        told = [sent.to for sent in mail.outbox if "have set another password" in sent.body]
        if told:
            break
        time.sleep(0.05)
    assert told == [[person.email]]


def test_whose_password_is_wrong_learns_nothing_of_it(
    browser: Browser, person: Person, user: User
) -> None:
    operations.disable(user)
    page = browser.sign_in(Person(person.email, "wrong", ""))
    assert is_page(page, "/account/login/")
    assert "don’t match" in page.text


def test_enabling_lets_them_sign_in_again_and_revives_nothing(
    browser: Browser, person: Person, user: User
) -> None:
    browser.sign_in(person)
    # A sign-in that crossed with the disabling: its session was made a moment later.
    User.objects.filter(pk=user.pk).update(is_active=False)
    operations.enable(user)
    assert is_page(browser.open("/account/"), "/account/login/")
    assert is_page(browser.sign_in(person), "/account/")


def test_an_unfinished_sign_in_ends_with_disabling(
    browser: Browser, person: Person, user: User
) -> None:
    operations.require_new_password(user)
    page = browser.sign_in(person)
    operations.disable(user)
    page = browser.submit(page, password1="three wise boats at anchor")
    assert is_page(page, "/account/login/")
    assert User.objects.get(pk=user.pk).check_password(person.password)


def test_ending_all_sessions(browser: Browser, person: Person, user: User) -> None:
    browser.sign_in(person)
    with Browser() as elsewhere:
        elsewhere.sign_in(person)
        operations.end_all_sessions(user)
        assert is_page(elsewhere.open("/account/"), "/account/login/")
    assert is_page(browser.open("/account/"), "/account/login/")
    assert endings(user) == ["operator", "operator"]
    assert is_page(browser.sign_in(person), "/account/")


def test_ending_one_session_leaves_the_other(browser: Browser, person: Person, user: User) -> None:
    browser.sign_in(person)
    first = Session.objects.get(user=user)
    with Browser() as elsewhere:
        elsewhere.sign_in(person)
        operations.end_session(first)
        assert is_page(elsewhere.open("/account/"), "/account/")
    assert is_page(browser.open("/account/"), "/account/login/")
    assert endings(user) == ["operator", ""]
