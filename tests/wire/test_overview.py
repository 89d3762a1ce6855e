"""The overview of the account: what protects it, the next step, devices, apps and sign-ins."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from accounts import profile
from accounts.models import Session, User
from accounts.templatetags.console import relative
from tests.relying_party import (
    Browser,
    EndUser,
    RelyingParty,
    make_client,
    make_user,
    make_user_with_app,
    unique,
)

HOME = "/account/"


def main_of(browser: Browser) -> str:
    return browser.open(HOME).text.partition("<main")[2].partition("</main>")[0]


def test_a_password_alone_is_the_first_step(browser: Browser, user: EndUser) -> None:
    browser.sign_in(user)
    page = main_of(browser)
    assert "1 of 4 done" in page
    assert "Set up two-step sign-in" in page
    assert user.email in page


def test_with_an_app_a_passkey_is_recommended(browser: Browser) -> None:
    browser.sign_in(make_user_with_app())
    page = main_of(browser)
    assert "3 of 4 done" in page
    assert 'href="/account/two-steps/passkeys/new/">Add a passkey' in page


def test_an_unverified_address_comes_first(browser: Browser, user: EndUser) -> None:
    browser.sign_in(user)
    row = User.objects.get(email=user.email)
    row.emailaddress_set.update(verified=False)
    page = main_of(browser)
    assert "0 of 4 done" in page
    assert "Not verified" in page


def test_devices_apps_and_the_last_sign_in_are_summed_up(browser: Browser, user: EndUser) -> None:
    name = unique("Bakery ")
    RelyingParty(make_client(client_name=name, first_party=True), browser, user).tokens()
    with Browser() as elsewhere:
        elsewhere.headers["User-Agent"] = "Mozilla/5.0 (iPhone) Safari/604.1"
        elsewhere.sign_in(user)
        page = main_of(browser)
    assert "2 devices signed in" in page
    assert "1 connected app" in page
    assert f"<bdi>{name}</bdi>" in page
    assert "with a password" in page
    assert "iPhone" in page


def test_sessions_at_their_limit_are_no_devices(browser: Browser, user: EndUser) -> None:
    with Browser() as elsewhere:
        elsewhere.sign_in(user)
        old = timezone.now() - timedelta(days=200)
        Session.objects.filter(user__email=user.email).update(last_seen_at=old, created_at=old)
        browser.sign_in(user)
        assert "1 device signed in" in main_of(browser)


@pytest.mark.parametrize(
    ("hour", "said"),
    [(5, "Good morning, Ana"), (13, "Good afternoon, Ana"), (22, "Good evening, Ana")],
)
def test_the_greeting_is_that_of_the_users_time_zone(
    monkeypatch: pytest.MonkeyPatch, hour: int, said: str
) -> None:
    at = datetime(2026, 12, 1, hour, 30, tzinfo=UTC) - timedelta(hours=9)
    monkeypatch.setattr(timezone, "now", lambda: at)
    assert profile.greeting(User(given_name="Ana", zoneinfo="Asia/Tokyo")) == said


@pytest.mark.parametrize("zone", ["", "Nowhere/Land", "../etc/passwd", "\0"])
def test_without_a_time_zone_the_greeting_has_no_time_of_day(zone: str) -> None:
    assert profile.greeting(User(given_name="Ana", zoneinfo=zone)) == "Hello, Ana"


@pytest.mark.parametrize(
    ("fields", "letters"),
    [
        ({"given_name": "Ana", "family_name": "Lima"}, "AL"),
        ({"name": "Ana Maria Lima"}, "AL"),
        ({"name": "Ana"}, "A"),
        ({"nickname": "aninha"}, "A"),
        ({"email": "zoe@example.com"}, "Z"),
    ],
)
def test_initials(fields: dict[str, str], letters: str) -> None:
    assert profile.initials(User(**{"email": "x@example.com", **fields})) == letters


def test_a_name_with_markup_is_text(browser: Browser) -> None:
    user = make_user(given_name="<b>Ana", name="<b>Ana")
    browser.sign_in(user)
    page = browser.open(HOME).text
    assert "<b>Ana" not in page
    assert "&lt;b&gt;Ana" in page


@pytest.mark.parametrize(
    ("ago", "said"),
    [
        (timedelta(seconds=20), "just now"),
        (timedelta(minutes=1, seconds=5), "1 minute ago"),
        (timedelta(hours=5), "5 hours ago"),
        (timedelta(days=13), "1 week ago"),
        (timedelta(days=130), "4 months ago"),
        (timedelta(days=800), "2 years ago"),
        (timedelta(seconds=-5), "just now"),
    ],
)
def test_times_are_relative_in_their_largest_unit(ago: timedelta, said: str) -> None:
    assert relative(timezone.now() - ago) == said
