"""No user who has to choose a password is signed in; no unfinished sign-in outlives a password."""

import pytest

from accounts import operations
from accounts.models import Session, User
from tests.relying_party import (
    Browser,
    EndUser,
    RelyingParty,
    is_page,
    mailed_code,
    make_client,
    make_user,
    spec,
)

LOGIN, CHOOSE = "/account/login/", "/account/password/choose/"
NEW, THIEFS = "three wise boats at anchor", "the thief's very own password"


@pytest.fixture
def user_row(user: EndUser) -> User:
    """`user`, of whom an operator requires a new password."""
    user_row = User.objects.get(email=user.email)
    operations.require_new_password(user_row)
    return user_row


def reset(browser: Browser, user: EndUser, after: str | None = None) -> None:
    page = browser.submit(browser.open("/account/password/reset/"), email=user.email)
    page = browser.submit(page, code=mailed_code(user.email, after=after))
    assert is_page(browser.submit(page, password1=NEW), "/account/")


@spec("ASVS", "6.3.3")
@pytest.mark.parametrize("path", ["/account/", "/", "/account/logout/", "/consent"])
def test_going_to_another_address_instead(
    browser: Browser, user: EndUser, user_row: User, path: str
) -> None:
    assert is_page(browser.sign_in(user), CHOOSE)
    page = browser.open(path)
    assert user.email not in page.text.split("<main")[1]
    assert is_page(browser.open("/account/"), LOGIN)
    assert not Session.objects.filter(user=user_row).exists()


def test_asking_for_a_code_of_an_app_instead(
    browser: Browser, user: EndUser, user_row: User
) -> None:
    relying_party = RelyingParty(make_client(first_party=True), browser, user)
    assert is_page(browser.sign_in(user, relying_party.visit()), CHOOSE)
    assert is_page(relying_party.visit(), LOGIN)
    answer = relying_party.answer(relying_party.visit(prompt="none"))
    assert answer.error == "login_required"


def test_signing_in_again_in_another_tab(browser: Browser, user: EndUser, user_row: User) -> None:
    for query in ({}, {"fresh": "1"}, {"next": "/account/"}, {"next": CHOOSE}):
        page = browser.sign_in(user, browser.open(LOGIN, **query))
        assert is_page(page, CHOOSE), query
    assert is_page(browser.open("/account/"), LOGIN)


def test_an_old_cookie_stays_out(browser: Browser, user: EndUser) -> None:
    browser.sign_in(user)
    with Browser() as thief:
        thief.cookies.update(browser.cookies)
        operations.require_new_password(User.objects.get(email=user.email))
        assert is_page(thief.open("/account/"), LOGIN)
        reset(browser, user)
        assert is_page(thief.open("/account/"), LOGIN)


def test_a_session_that_crossed_with_the_operator_is_none(browser: Browser, user: EndUser) -> None:
    browser.sign_in(user)
    # As if this sign-in had passed its last step a moment before, and its session came after.
    User.objects.filter(email=user.email).update(password_change_required=True)
    assert is_page(browser.open("/account/"), LOGIN)
    page = browser.sign_in(user)
    assert is_page(browser.submit(page, password1=NEW), "/account/")
    endings = Session.objects.filter(user__email=user.email).order_by("created_at")
    assert list(endings.values_list("ending", flat=True)) == ["password-changed", ""]


def test_sending_the_choice_without_the_present_password(user: EndUser, user_row: User) -> None:
    with Browser() as thief:
        page = thief.open(LOGIN)
        token = page.text.split('csrfmiddlewaretoken" value="')[1].split('"')[0]
        answer = thief.post(CHOOSE, data={"csrfmiddlewaretoken": token, "password1": THIEFS})
        assert answer.headers["Location"] == LOGIN
        thief.sign_in(EndUser(user.email, "wrong", ""))
        answer = thief.post(CHOOSE, data={"csrfmiddlewaretoken": token, "password1": THIEFS})
        assert not is_page(thief.settle(answer), "/account/")
    user_row.refresh_from_db()
    assert user_row.check_password(user.password)


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_only_sending_the_form_changes_something(
    browser: Browser, user: EndUser, user_row: User, method: str
) -> None:
    browser.sign_in(user)
    browser.request(method, CHOOSE, params={"password1": NEW})
    user_row.refresh_from_db()
    assert user_row.check_password(user.password)
    assert user_row.password_change_required


@spec("ASVS", "6.4.3")
def test_a_thief_at_the_choice_is_out_when_the_owner_resets(
    browser: Browser, user: EndUser, user_row: User
) -> None:
    with Browser() as thief:
        page = thief.sign_in(user)
        assert is_page(page, CHOOSE)
        reset(browser, user)
        assert is_page(thief.submit(page, password1=THIEFS), LOGIN)
        assert is_page(thief.open(CHOOSE), LOGIN)
    assert User.objects.get(pk=user_row.pk).check_password(NEW)
    assert is_page(browser.open("/account/"), "/account/")


@spec("ASVS", "6.4.3")
def test_a_thief_at_any_step_is_out_when_the_owner_resets(browser: Browser) -> None:
    user = make_user(email_verified=False)
    with Browser() as thief:
        page = thief.sign_in(user)
        assert is_page(page, "/account/confirm-email/")
        code = mailed_code(user.email)
        reset(browser, user, after=code)
        assert is_page(thief.submit(page, code=code), LOGIN)
        assert is_page(thief.open("/account/"), LOGIN)


def test_another_accounts_step_is_not_taken_over(
    browser: Browser, user: EndUser, user_row: User
) -> None:
    """The page speaks of the user who signed in last here, and changes only their password."""
    other = make_user()
    operations.require_new_password(User.objects.get(email=other.email))
    mine = browser.sign_in(user)
    theirs = browser.sign_in(other)
    assert other.email in theirs.text
    home = browser.submit(mine, password1=NEW)  # the older tab
    assert other.email in home.text
    assert User.objects.get(email=user.email).check_password(user.password)
