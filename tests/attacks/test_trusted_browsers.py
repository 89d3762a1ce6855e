"""Getting past the second factor with the cookie of a trusted browser. ASVS 6.3.3, 7.4.3."""

from collections.abc import Callable

import pytest

from accounts import operations, passwords
from accounts.models import TrustedBrowser, User
from accounts.second_factor import remove_all
from tests.accounts.test_trusted_browsers import COOKIE, TRUSTED, trust
from tests.passkeys import add_passkey
from tests.relying_party import (
    CODE_STEP,
    SET_UP,
    AuthenticatorApp,
    Browser,
    EndUser,
    is_page,
    mailed_code,
    make_user_with_app,
    otpauth_address,
    spec,
)

LOGIN, HOME = "/account/login/", "/account/"
NEW = "another quiet boat on the river"


@pytest.fixture
def victim(provider: object) -> EndUser:
    """A user with an authenticator app, whose password is known to the attacker."""
    return make_user_with_app()


def thief(browser: Browser) -> Browser:
    """Return a browser with the stolen cookie alone."""
    stolen = Browser()
    stolen.cookies.set(COOKIE, browser.cookies[COOKIE])
    return stolen


def row_of(user: EndUser) -> User:
    return User.objects.get(email=user.email)


@spec("ASVS", "6.3.3")
def test_the_cookie_alone_opens_nothing(browser: Browser, victim: EndUser) -> None:
    trust(browser, victim)
    with thief(browser) as attacker:
        assert is_page(attacker.open(HOME), LOGIN)
        wrong = EndUser(victim.email, "not the password", "")
        assert is_page(attacker.type_password(wrong), LOGIN)


@spec("ASVS", "6.3.3")
def test_the_cookie_of_one_account_is_none_of_another(browser: Browser, victim: EndUser) -> None:
    """The attacker trusts a browser with an account of their own, and knows another's password."""
    attacker = make_user_with_app()
    trust(browser, attacker)
    assert is_page(browser.type_password(victim), CODE_STEP)
    assert is_page(browser.open(HOME), LOGIN)


@spec("ASVS", "7.4.3")
def test_a_stolen_cookie_ends_with_the_trust(browser: Browser, victim: EndUser) -> None:
    trust(browser, victim)
    with thief(browser) as attacker:
        browser.type_password(victim)
        token = browser.cookies["signet-csrf"]
        form = {"end": "all", "csrfmiddlewaretoken": token}
        browser.post(TRUSTED, data=form, headers={"Origin": browser.issuer})
        assert is_page(attacker.type_password(victim), CODE_STEP)


def reset_password(owner: Browser, victim: EndUser) -> None:
    page = owner.submit(owner.open("/account/password/reset/"), email=victim.email)
    page = owner.submit(page, code=mailed_code(victim.email))
    owner.submit(page, password1=NEW)
    victim.password = NEW


def replace_password(owner: Browser, victim: EndUser) -> None:
    assert passwords.replace(row_of(victim), NEW)
    victim.password = NEW


def set_password_as_operator(owner: Browser, victim: EndUser) -> None:
    user = row_of(victim)
    user.set_password(NEW)
    user.save()
    victim.password = NEW


def add_an_app(owner: Browser, victim: EndUser) -> None:
    owner.sign_in(victim)
    owner.submit(owner.open("/account/two-steps/recovery-codes/"), "saved-codes")
    page = owner.open(SET_UP)
    owner.submit(page, code=AuthenticatorApp(otpauth_address(page)).code())


def add_a_passkey(owner: Browser, victim: EndUser) -> None:
    owner.sign_in(victim)
    add_passkey(owner)


def remove_the_app(owner: Browser, victim: EndUser) -> None:
    add_a_passkey(owner, victim)
    owner.submit(owner.open(owner.removal_of_app()), "remove-app")


def make_new_codes(owner: Browser, victim: EndUser) -> None:
    owner.sign_in(victim)
    owner.submit(owner.open("/account/two-steps/recovery-codes/new/"), "make-codes")


def remove_all_and_begin_anew(owner: Browser, victim: EndUser) -> None:
    remove_all(row_of(victim))
    owner.type_password(victim)
    owner.set_up_app(victim)


def end_sessions_as_operator(owner: Browser, victim: EndUser) -> None:
    operations.end_all_sessions(row_of(victim))


@spec("ASVS", "7.4.3")
@pytest.mark.parametrize(
    "change",
    [
        *(reset_password, replace_password, set_password_as_operator, add_an_app, add_a_passkey),
        *(remove_the_app, make_new_codes, remove_all_and_begin_anew, end_sessions_as_operator),
    ],
)
def test_a_cookie_from_before_a_change_is_void(
    browser: Browser, victim: EndUser, change: Callable[[Browser, EndUser], None]
) -> None:
    trust(browser, victim)
    with thief(browser) as attacker, Browser() as owner:
        change(owner, victim)
        assert is_page(attacker.type_password(victim), CODE_STEP)
        assert is_page(attacker.open(HOME), LOGIN)


@spec("ASVS", "7.2.4")
def test_a_planted_cookie_is_not_used(browser: Browser, victim: EndUser) -> None:
    """The attacker plants their cookie in the victim's browser before it is trusted."""
    attacker = make_user_with_app()
    with Browser() as elsewhere:
        trust(elsewhere, attacker)
        planted = elsewhere.cookies[COOKIE]
        browser.cookies.set(COOKIE, planted)
        trust(browser, victim)
        assert is_page(elsewhere.type_password(victim), CODE_STEP)


@spec("ASVS", "6.3.3")
def test_a_made_up_cookie(browser: Browser, victim: EndUser) -> None:
    trust(browser, victim)
    row = TrustedBrowser.objects.get(user__email=victim.email)
    for value in (row.browser, row.browser[:43], "A" * 43, "", "x" * 3000, str(row.pk)):
        with Browser() as attacker:
            attacker.cookies.set(COOKIE, value)
            assert is_page(attacker.type_password(victim), CODE_STEP)


@spec("ASVS", "3.5.1")
def test_no_other_site_ends_or_begins_it(browser: Browser, victim: EndUser) -> None:
    trust(browser, victim)
    browser.type_password(victim)
    form = {"end": "all", "csrfmiddlewaretoken": browser.cookies["signet-csrf"]}
    browser.get(TRUSTED, params={"end": "all"})
    browser.post(TRUSTED, data=form, headers={"Origin": "https://evil.example"})
    assert TrustedBrowser.objects.filter(user__email=victim.email).count() == 1


@spec("ASVS", "8.2.1")
def test_nobody_ends_the_trust_of_others(browser: Browser, victim: EndUser) -> None:
    trust(browser, victim)
    row = TrustedBrowser.objects.get(user__email=victim.email)
    with Browser() as other:
        other.sign_in(make_user_with_app())
        token = other.cookies["signet-csrf"]
        for chosen in (str(row.pk), "all", "", "x", "-1"):
            form = {"end": chosen, "csrfmiddlewaretoken": token}
            other.post(TRUSTED, data=form, headers={"Origin": other.issuer})
    assert TrustedBrowser.objects.filter(pk=row.pk).exists()
