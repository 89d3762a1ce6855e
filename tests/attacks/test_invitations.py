"""An invitation works once, for one account, as it was, for seven days; nothing else is one."""

import datetime
import threading

import pytest
import time_machine
from django.core.signing import TimestampSigner

from accounts import invitations, operations
from accounts.models import Session, User
from tests.relying_party import ISSUER, Browser, EndUser, is_page, spec, unique

PASSWORD, THIEFS = "three wise boats at anchor", "the thief's very own password"


@pytest.fixture
def guest(provider: object) -> User:
    return User.objects.create_user(f"{unique('guest')}@example.com")


def path_of(token: str) -> str:
    return f"/account/invitation/{token}/"


def is_dead(browser: Browser, token: str) -> bool:
    """Whether neither opening nor sending gets anywhere with it."""
    form = browser.open("/account/login/")
    csrf = form.text.split('csrfmiddlewaretoken" value="')[1].split('"')[0]
    sent = browser.post(path_of(token), data={"csrfmiddlewaretoken": csrf, "password1": THIEFS})
    opened = browser.get(path_of(token))
    assert {sent.status_code, opened.status_code} <= {404, 410}, (sent, opened)
    return is_page(browser.open("/account/"), "/account/login/")


@spec("ASVS", "6.4.1")
def test_it_works_once(browser: Browser, guest: User) -> None:
    token = invitations.token_for(guest)
    browser.submit(browser.open(path_of(token)), password1=PASSWORD)
    with Browser() as thief:
        assert is_dead(thief, token)
    assert User.objects.get(pk=guest.pk).check_password(PASSWORD)


def test_one_of_many_at_once_wins(guest: User) -> None:
    token = invitations.token_for(guest)
    passwords = [f"{PASSWORD} {number}" for number in range(4)]
    pages = []
    browsers = [Browser() for _ in passwords]
    forms = [browser.open(path_of(token)) for browser in browsers]
    threads = [
        threading.Thread(
            target=lambda browser, form, password: pages.append(
                browser.submit(form, password1=password).status_code
            ),
            args=together,
        )
        for together in zip(browsers, forms, passwords, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(pages) == [200, 410, 410, 410]
    assert Session.objects.filter(user=guest).count() == 1
    for browser in browsers:
        browser.close()


@spec("ASVS", "6.4.1")
def test_it_is_over_after_seven_days(browser: Browser, guest: User) -> None:
    now = datetime.datetime.now(datetime.UTC)
    with time_machine.travel(now - datetime.timedelta(days=7, seconds=2), tick=False):
        token = invitations.token_for(guest)
    assert is_dead(browser, token)
    with time_machine.travel(now - datetime.timedelta(days=6, hours=23), tick=False):
        token = invitations.token_for(guest)
    assert browser.get(path_of(token)).status_code == 200


def test_a_reset_that_an_operator_sends_is_over_after_a_day(browser: Browser, guest: User) -> None:
    now = datetime.datetime.now(datetime.UTC)
    with time_machine.travel(now - datetime.timedelta(days=1, seconds=2), tick=False):
        token = invitations.reset_token_for(guest)
    assert is_dead(browser, token)
    with time_machine.travel(now - datetime.timedelta(hours=23), tick=False):
        token = invitations.reset_token_for(guest)
    assert browser.get(path_of(token)).status_code == 200
    guest.set_password(PASSWORD)
    guest.save()
    assert is_dead(browser, token)


def test_another_password_ends_it(browser: Browser, user: EndUser) -> None:
    user_row = User.objects.get(email=user.email)
    token = invitations.token_for(user_row)
    user_row.set_password(PASSWORD)
    user_row.save()
    assert is_dead(browser, token)


def test_an_earlier_one_dies_with_the_later(browser: Browser, guest: User) -> None:
    first, second = invitations.token_for(guest), invitations.token_for(guest)
    browser.submit(browser.open(path_of(second)), password1=PASSWORD)
    with Browser() as thief:
        assert is_dead(thief, first)


def test_another_address_ends_it(browser: Browser, guest: User) -> None:
    token = invitations.token_for(guest)
    guest.set_email(f"{unique('moved')}@example.com", verified=False)
    assert is_dead(browser, token)


def test_a_disabled_account_takes_none(browser: Browser, guest: User) -> None:
    token = invitations.token_for(guest)
    page = browser.open(path_of(token))
    operations.disable(guest)
    assert browser.submit(page, password1=PASSWORD).status_code == 410
    assert is_dead(browser, token)
    assert not User.objects.get(pk=guest.pk).has_usable_password()


@spec("ASVS", "6.4.1")
def test_it_is_for_no_other_user(browser: Browser, guest: User, user: EndUser) -> None:
    other = User.objects.get(email=user.email)
    _, stamp, signature = invitations.token_for(guest).split(":")
    assert is_dead(browser, f"{other.pk}:{stamp}:{signature}")
    assert User.objects.get(pk=other.pk).check_password(user.password)


def test_forged_and_broken_ones(browser: Browser, guest: User) -> None:
    pk, stamp, signature = invitations.token_for(guest).split(":")
    salted = TimestampSigner(salt="accounts.invitation").sign(pk)
    other_key = TimestampSigner(key="x" * 50, salt=f"accounts.invitation:{guest.password}").sign(pk)
    for token in (
        salted,
        other_key,
        f"{pk}:{stamp}:{'A' * 43}",
        f"{pk}:{stamp[:-1]}{'y' if stamp.endswith('z') else 'z'}:{signature}",
        f"{pk}:zzzzzz:{signature}",
        f"{pk}:zzzzzzzzzzzz:{signature}",
        f"{pk}:{stamp}:{signature[:-1]}",
        f"0{pk}:{stamp}:{signature}",
        f"{pk}::{signature}",
        f"999999999999999999:{stamp}:{signature}",
        f"{'9' * 40}:{stamp}:{signature}",
        f"-1:{stamp}:{signature}",
        f"\u0661:{stamp}:{signature}",
        "x",
        ":",
        "::",
        "%0A",
        "..%2f..",
        "a" * 5000,
    ):
        assert is_dead(browser, token), token
    assert not User.objects.get(pk=guest.pk).has_usable_password()


@spec("ASVS", "14.2.1")
@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_opening_it_changes_nothing(guest: User, method: str) -> None:
    token = invitations.token_for(guest)
    with Browser() as scanner:
        for _ in range(2):
            scanner.request(method, path_of(token), params={"password1": THIEFS})
    assert not Session.objects.filter(user=guest).exists()
    assert not User.objects.get(pk=guest.pk).has_usable_password()
    with Browser() as browser:
        home = browser.submit(browser.open(path_of(token)), password1=PASSWORD)
        assert is_page(home, "/account/")


@spec("ASVS", "14.2.1")
def test_the_link_is_told_to_nobody(browser: Browser, guest: User) -> None:
    token = invitations.token_for(guest)
    for response in (browser.get(path_of(token)), browser.get(path_of(token[:-1]))):
        assert response.headers["Referrer-Policy"] == "strict-origin"
        assert "no-store" in response.headers["Cache-Control"]
        assert not [part for part in response.text.split('href="')[1:] if part.startswith("http")]
    link = invitations.invite(guest)
    assert link.startswith(f"{ISSUER}/")


@spec("ASVS", "7.2.4")
def test_a_planted_session_is_not_the_one_that_is_signed_in(guest: User) -> None:
    with Browser() as thief, Browser() as victim:
        thief.submit(thief.open("/account/password/reset/"), email=guest.email)  # makes a session
        planted = thief.cookies["signet-session"]
        victim.cookies.set("signet-session", planted, domain="localhost.local")
        page = victim.open(path_of(invitations.token_for(guest)))
        assert is_page(victim.submit(page, password1=PASSWORD), "/account/")
        assert victim.cookies["signet-session"] != planted
        assert is_page(thief.open("/account/"), "/account/login/")


@spec("ASVS", "3.5.1")
def test_another_site_cannot_send_it(guest: User) -> None:
    token = invitations.token_for(guest)
    with Browser() as victim:
        victim.open(path_of(token))
        answer = victim.post(
            path_of(token), data={"password1": THIEFS}, headers={"Origin": "https://evil.example"}
        )
        assert answer.is_redirect
    assert not User.objects.get(pk=guest.pk).has_usable_password()


def test_a_second_factor_is_asked_for_all_the_same(browser: Browser, user: EndUser) -> None:
    from allauth.mfa.totp.internal.auth import TOTP
    from django.urls import NoReverseMatch, reverse

    try:
        step = reverse("mfa_authenticate")
    except NoReverseMatch:
        pytest.skip("no page asks for a second factor yet")
    user_row = User.objects.get(email=user.email)
    TOTP.activate(user_row, "JBSWY3DPEHPK3PXP")
    page = browser.open(path_of(invitations.token_for(user_row)))
    assert is_page(browser.submit(page, password1=PASSWORD), step)
    assert is_page(browser.open("/account/"), "/account/login/")
    assert not Session.objects.filter(user=user_row).exists()
