"""Sessions end by themselves: without a visit, and after a while in any case. ASVS 7.3.1, 7.3.2."""

from datetime import timedelta

import pytest
from django.core.management import call_command
from django.utils import timezone

from accounts.models import Session
from tests.relying_party import (
    Browser,
    EndUser,
    RelyingParty,
    forms_of,
    is_page,
    make_client,
    make_user,
    verified,
)

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def session_of(user: EndUser) -> Session:
    return Session.objects.get(user__email=user.email)


def age(user: EndUser, *, idle: timedelta = timedelta(0), whole: timedelta | None = None) -> None:
    """Make the session older than it is."""
    now = timezone.now()
    Session.objects.filter(user__email=user.email).update(
        last_seen_at=now - idle, authenticated_at=now - (whole or idle)
    )


def sign_in(browser: Browser, user: EndUser, *, remember: bool) -> None:
    page = browser.open("/account/login/")
    kept = {"remember": "on"} if remember else {}
    browser.submit(page, login=user.email, password=user.password, **kept)
    browser.open("/account/")


@pytest.mark.parametrize(
    ("remember", "idle", "whole", "lives"),
    [
        (False, 11 * HOUR, 23 * HOUR, True),
        (False, 13 * HOUR, 13 * HOUR, False),
        (False, 0 * HOUR, 25 * HOUR, False),
        (True, 13 * DAY, 89 * DAY, True),
        (True, 15 * DAY, 15 * DAY, False),
        (True, 0 * DAY, 91 * DAY, False),
    ],
)
def test_a_session_lasts_so_long(
    browser: Browser,
    user: EndUser,
    remember: bool,
    idle: timedelta,
    whole: timedelta,
    lives: bool,
) -> None:
    sign_in(browser, user, remember=remember)
    age(user, idle=idle, whole=whole)
    assert is_page(browser.open("/account/"), "/account/") == lives
    assert session_of(user).ending == ("" if lives else "expired")


def test_the_worker_ends_them_unasked_and_no_others(browser: Browser, user: EndUser) -> None:
    sign_in(browser, user, remember=False)
    other = make_user()
    with Browser() as another:
        sign_in(another, other, remember=True)
    for each in (user, other):
        age(each, idle=2 * DAY)
    call_command("worker", "--once")
    assert session_of(user).ending == "expired"
    assert session_of(other).ended_at is None


def test_what_belongs_to_it_ends_with_it(browser: Browser, user: EndUser) -> None:
    client = make_client(
        grant_types=["authorization_code", "refresh_token"], refresh_without_offline_access=True
    )
    app = RelyingParty(client, browser, user)
    tokens = app.tokens()
    age(user, idle=13 * HOUR)
    refused = app.refresh(tokens["refresh_token"])
    assert refused.json()["error"] == "invalid_grant"
    call_command("worker", "--once")
    assert app.userinfo(tokens["access_token"]).status_code == 401


def test_signing_in_once_more_begins_it_anew(browser: Browser, user: EndUser) -> None:
    app = RelyingParty(make_client(), browser, user)
    first = verified(app.tokens()["id_token"])["sid"]
    age(user, whole=23 * HOUR)
    assert verified(app.tokens(prompt="login")["id_token"])["sid"] == first
    age(user, idle=2 * HOUR)
    assert is_page(browser.open("/account/"), "/account/")


def test_one_that_is_over_is_not_chosen_from(browser: Browser, user: EndUser) -> None:
    sign_in(browser, user, remember=False)
    form = forms_of(browser.open("/account/choose/"))[0]
    browser.post("/account/choose/", data={**form.fields, "another": "sign-in"})
    sign_in(browser, make_user(), remember=False)
    assert user.email in browser.open("/account/choose/").text
    age(user, idle=13 * HOUR)
    assert user.email not in browser.open("/account/choose/").text
