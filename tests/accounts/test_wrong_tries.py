"""Wrong tries lock an account for a while; an operator unlocks it."""

import pytest
from django.urls import NoReverseMatch, reverse

from accounts import wrong_tries
from accounts.models import User
from tests.relying_party import Browser, Person, is_page, make_person


def guess(email: str, times: int) -> None:
    for _ in range(times):
        with Browser() as guesser:  # each from another network address
            guesser.sign_in(Person(email, "wrong", ""))


def test_unlocking_lets_the_right_password_in(browser: Browser, person: Person) -> None:
    user = User.objects.get(email=person.email)
    guess(person.email, 19)
    assert not wrong_tries.is_locked(user)
    guess(person.email.upper(), 1)
    assert wrong_tries.is_locked(user)
    page = browser.sign_in(person)
    assert is_page(page, "/account/login/")
    assert "Too many tries" in page.text
    wrong_tries.unlock(user)
    assert not wrong_tries.is_locked(user)
    assert is_page(browser.sign_in(person), "/account/")


def test_only_that_person_is_unlocked(browser: Browser, person: Person) -> None:
    guess(person.email, 20)
    wrong_tries.unlock(User.objects.get(email=make_person().email))
    assert wrong_tries.is_locked(User.objects.get(email=person.email))
    assert is_page(browser.sign_in(person), "/account/login/")


def test_unlocking_forgives_no_network_address(person: Person) -> None:
    with Browser() as guesser:
        for _ in range(20):
            guesser.sign_in(Person(person.email, "wrong", ""))
        wrong_tries.unlock(User.objects.get(email=person.email))
        assert is_page(guesser.sign_in(person), "/account/login/")


def test_looking_counts_nothing(person: Person, provider: object) -> None:
    user = User.objects.get(email=person.email)
    guess(person.email, 19)
    assert not any(wrong_tries.is_locked(user) for _ in range(5))


def test_wrong_codes_of_a_second_factor_are_forgotten_too(browser: Browser, person: Person) -> None:
    from allauth.mfa.totp.internal.auth import TOTP

    try:
        reverse("mfa_authenticate")
    except NoReverseMatch:
        pytest.skip("no page asks for a second factor yet")
    user = User.objects.get(email=person.email)
    TOTP.activate(user, "JBSWY3DPEHPK3PXP")
    page = browser.sign_in(person)
    for _ in range(20):
        page = browser.submit(page, code="000000")
    assert wrong_tries.is_locked(user)
    wrong_tries.unlock(user)
    assert not wrong_tries.is_locked(user)
