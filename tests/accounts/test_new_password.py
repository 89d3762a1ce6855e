"""A user who has to choose a new password does so at their next sign-in, and goes on."""

import pytest
from django.urls import NoReverseMatch, reverse

from accounts import operations
from accounts.models import Session, User
from idp.models import Event
from tests.relying_party import (
    Browser,
    EndUser,
    RelyingParty,
    is_page,
    mailed_code,
    make_client,
    make_user,
    unique,
    verified,
)

CHOOSE = "/account/password/choose/"
NEW = "three wise boats at anchor"


@pytest.fixture
def user_row(user: EndUser) -> User:
    """`user`, of whom an operator requires a new password."""
    user_row = User.objects.get(email=user.email)
    operations.require_new_password(user_row)
    return user_row


def test_it_is_chosen_after_the_present_one_and_before_anything_else(
    browser: Browser, user: EndUser, user_row: User
) -> None:
    page = browser.sign_in(user)
    assert is_page(page, CHOOSE)
    assert user.email in page.text
    assert not Session.objects.filter(user=user_row).exists()
    home = browser.submit(page, password1=NEW)
    assert is_page(home, "/account/")
    user_row.refresh_from_db()
    assert user_row.check_password(NEW)
    assert not user_row.password_change_required
    assert Event.objects.filter(user=user_row, kind=Event.Kind.PASSWORD_CHANGED).exists()
    with Browser() as elsewhere:
        assert is_page(elsewhere.sign_in(user), "/account/login/")
        assert is_page(elsewhere.type_password(EndUser(user.email, NEW, "")), "/account/")


def test_requiring_it_ends_the_sessions(browser: Browser, user: EndUser) -> None:
    browser.sign_in(user)
    operations.require_new_password(User.objects.get(email=user.email))
    assert is_page(browser.open("/account/"), "/account/login/")
    assert Session.objects.get(user__email=user.email).ending == "new-password-required"


def test_the_old_one_and_a_weak_one_are_refused(
    browser: Browser, user: EndUser, user_row: User
) -> None:
    page = browser.sign_in(user)
    for password, says in ((user.password, "Choose another password"), ("short", "15")):
        page = browser.submit(page, password1=password)
        assert is_page(page, CHOOSE)
        assert says in page.text
    assert is_page(browser.submit(page, password1=NEW), "/account/")


def test_each_tab_goes_on_to_its_own_app(browser: Browser, user: EndUser, user_row: User) -> None:
    apps = [
        RelyingParty(make_client(first_party=True, client_name=unique("app")), browser, user)
        for _ in range(2)
    ]
    tabs = [browser.sign_in(user, app.visit()) for app in apps]
    assert all(is_page(tab, CHOOSE) for tab in tabs)
    assert apps[0].client.metadata["client_name"] in tabs[0].text
    for app, tab in zip(apps, tabs, strict=True):  # the older first; the other finds it done
        answer = app.answer(browser.submit(tab, password1=NEW))
        claims = verified(app.exchange(answer.code).json()["id_token"])
        assert claims["sub"] == user.sub
        assert claims["amr"] == ["pwd"]


def test_a_second_factor_comes_first(browser: Browser, user: EndUser, user_row: User) -> None:
    from allauth.mfa.totp.internal import auth

    try:
        step = reverse("mfa_authenticate")
    except NoReverseMatch:
        pytest.skip("no page asks for a second factor yet")
    secret = auth.generate_totp_secret()
    auth.TOTP.activate(user_row, secret)
    page = browser.sign_in(user)
    assert is_page(page, step)
    assert is_page(browser.open(CHOOSE), "/account/login/")
    _, counter, _ = auth.yield_hotp_counters_from_time()
    code = auth.format_hotp_value(auth.hotp_value(secret, counter))
    page = browser.submit(page, code=code)
    assert is_page(page, CHOOSE)
    assert not Session.objects.filter(user=user_row).exists()
    assert is_page(browser.submit(page, password1=NEW), "/account/")


def test_a_new_password_by_code_is_one_too(browser: Browser, user: EndUser, user_row: User) -> None:
    page = browser.submit(browser.open("/account/password/reset/"), email=user.email)
    page = browser.submit(page, code=mailed_code(user.email))
    page = browser.submit(page, password1=user.password)
    assert "Choose another password" in page.text
    assert is_page(browser.submit(page, password1=NEW), "/account/")
    user_row.refresh_from_db()
    assert not user_row.password_change_required


def test_whoever_has_nothing_to_choose_is_sent_on(browser: Browser, user: EndUser) -> None:
    assert is_page(browser.open(CHOOSE), "/account/login/")
    page = browser.open(CHOOSE, next="/developers/")
    assert page.url.params["next"] == "/developers/"
    browser.sign_in(user)
    assert is_page(browser.open(CHOOSE), "/account/")
    assert is_page(browser.open(CHOOSE, next="/developers/"), "/developers/")


def test_another_user_signed_in_here_meanwhile_is_signed_out(
    browser: Browser, user: EndUser, user_row: User
) -> None:
    other = make_user()
    browser.sign_in(other)
    page = browser.sign_in(user, browser.open("/account/login/", fresh="1"))
    assert is_page(page, CHOOSE)
    home = browser.submit(page, password1=NEW)
    assert user.email in home.text
    assert Session.objects.get(user__email=other.email).ending == "another-user"
