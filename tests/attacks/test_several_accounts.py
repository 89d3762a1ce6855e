"""No attacker gets at an account that is inactive in a user's browser. ASVS 7.2.4, 7.4.1."""

import secrets

import pytest

from accounts import operations
from accounts.models import Session, User
from tests.relying_party import (
    ISSUER,
    Browser,
    EndUser,
    RelyingParty,
    forms_of,
    is_page,
    make_user,
    spec,
)
from tests.wire.test_several_accounts import CHOOSE, LOGIN, choose, press, session_of, use_another


@pytest.fixture
def other() -> EndUser:
    return make_user()


@pytest.fixture
def two(browser: Browser, user: EndUser, other: EndUser) -> Browser:
    """`user` is inactive, `other` is present."""
    browser.sign_in(user)
    use_another(browser, other)
    return browser


def post(browser: Browser, **data: str):
    """Send what no button of the page says, with a valid token."""
    token = forms_of(browser.open(LOGIN, fresh="1"))[0].fields["csrfmiddlewaretoken"]
    headers = {"Origin": ISSUER, "Referer": f"{ISSUER}{CHOOSE}"}
    return browser.post(CHOOSE, data={"csrfmiddlewaretoken": token, **data}, headers=headers)


def is_signed_in_as(browser: Browser, user: EndUser) -> bool:
    page = browser.open("/account/")
    return is_page(page, "/account/") and user.email in page.text


@spec("ASVS", "7.2.4")
def test_another_browser_cannot_switch_to_it_by_its_id(two: Browser, user: EndUser) -> None:
    mallory = make_user()
    with Browser() as elsewhere:
        elsewhere.sign_in(mallory)
        for cookie in (None, secrets.token_urlsafe(32), "x", session_of(user).pk):
            if cookie:
                elsewhere.cookies.set("signet-accounts", cookie, domain="localhost.local")
            post(elsewhere, account=session_of(user).pk)
            assert is_signed_in_as(elsewhere, mallory)
            post(elsewhere, **{"sign-out": session_of(user).pk})
    assert session_of(user)


@spec("ASVS", "7.2.4")
def test_a_planted_cookie_learns_nothing_of_who_signs_in_later(
    browser: Browser, user: EndUser, other: EndUser
) -> None:
    with Browser() as mallory:
        mallory.sign_in(make_user())
        use_another(mallory, make_user())
        planted = mallory.cookies["signet-accounts"]
        browser.cookies.set("signet-accounts", planted, domain="localhost.local")
        browser.sign_in(user)
        use_another(browser, other)
        given = [cookie for cookie in browser.cookies.jar if cookie.name == "signet-accounts"]
        assert [cookie.value for cookie in given] != [planted]
        assert user.email not in mallory.open(CHOOSE).text
        post(mallory, account=session_of(user).pk)
        assert not is_signed_in_as(mallory, user)


@spec("ASVS", "7.4.1")
def test_a_copied_cookie_opens_nothing_after_signing_out(two: Browser, user: EndUser) -> None:
    copied, wanted = two.cookies["signet-accounts"], session_of(user).pk
    press(two, two.open(CHOOSE), "sign-out", "all")
    with Browser() as elsewhere:
        elsewhere.cookies.set("signet-accounts", copied, domain="localhost.local")
        post(elsewhere, account=wanted)
        assert is_page(elsewhere.open("/account/"), LOGIN)


def test_these_attacks_hold_the_right_cookie(two: Browser, user: EndUser) -> None:
    """Where no user signed out, the cookie is what it takes: the tests above attack for real."""
    with Browser() as elsewhere:
        elsewhere.cookies.set(
            "signet-accounts", two.cookies["signet-accounts"], domain="localhost.local"
        )
        post(elsewhere, account=session_of(user).pk)
        assert is_signed_in_as(elsewhere, user)


def test_the_key_of_a_parked_session_is_dead(browser: Browser, user: EndUser) -> None:
    browser.sign_in(user)
    key = browser.cookies["signet-session"]
    press(browser, browser.open(CHOOSE), "another", "sign-in")
    with Browser() as elsewhere:
        elsewhere.cookies.set("signet-session", key, domain="localhost.local")
        assert is_page(elsewhere.open("/account/"), LOGIN)


def test_no_script_reads_the_cookie(browser: Browser, user: EndUser) -> None:
    browser.sign_in(user)
    page = browser.open(CHOOSE)
    form = forms_of(page)[0]
    response = browser.post(CHOOSE, data={**form.fields, "another": "sign-in"})
    cookie = next(
        value
        for value in response.headers.get_list("set-cookie")
        if value.startswith("signet-accounts=")
    )
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Max-Age" not in cookie  # no user asked to stay signed in


@spec("ASVS", "3.5.1")
@pytest.mark.parametrize("data", [{"another": "sign-in"}, {"sign-out": "all"}, {"account": "x"}])
def test_other_sites_can_do_none_of_it(
    two: Browser, user: EndUser, other: EndUser, data: dict[str, str]
) -> None:
    two.post(CHOOSE, data=data, headers={"Origin": "https://evil.example"})
    two.open(CHOOSE, **data)
    assert is_signed_in_as(two, other)
    assert session_of(user)


@spec("ASVS", "7.4.1")
@pytest.mark.parametrize("what", ["disabled", "ended", "password", "has-to-choose"])
def test_an_account_that_may_not_be_in_is_gone(two: Browser, user: EndUser, what: str) -> None:
    user_row, wanted = User.objects.get(email=user.email), session_of(user).pk
    if what == "disabled":
        User.objects.filter(pk=user_row.pk).update(is_active=False)
    elif what == "ended":
        from accounts.sessions import Ending, end_sessions

        end_sessions(Session.objects.filter(user=user_row), Ending.OPERATOR)
    elif what == "password":
        user_row.set_password(secrets.token_urlsafe(20))
        user_row.save()
    else:
        operations.require_new_password(user_row)
    assert user.email not in two.open(CHOOSE).text
    post(two, account=wanted)
    assert not is_signed_in_as(two, user)


@spec("OIDC Core", "3.1.2.4")
def test_what_one_agreed_to_counts_for_no_other(returning: RelyingParty, other: EndUser) -> None:
    use_another(returning.browser, other)
    assert is_page(returning.visit(), "/consent")
    assert is_page(returning.visit(prompt="consent"), "/consent")


@spec("OIDC Core", "3.1.2.4")
def test_a_consent_page_of_one_account_cannot_agree_for_the_next(
    relying_party: RelyingParty, other: EndUser
) -> None:
    browser = relying_party.browser
    page = browser.sign_in(relying_party.user, relying_party.visit())
    assert is_page(page, "/consent")
    use_another(browser, other)
    again = browser.submit(page, "allow")
    assert is_page(again, "/consent")
    assert other.email in again.text


@spec("ASVS", "5.1.5")
@pytest.mark.parametrize(
    "target", ["https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)"]
)
def test_nobody_is_led_away(two: Browser, user: EndUser, target: str) -> None:
    response = post(two, account=session_of(user).pk, next=target)
    assert response.headers["Location"] == "/account/"


def test_switching_is_not_a_new_sign_in(returning: RelyingParty, other: EndUser) -> None:
    use_another(returning.browser, other)
    choose(returning.browser, returning.user)
    assert is_page(returning.visit(prompt="login"), LOGIN)
    assert is_page(returning.visit(max_age="0"), LOGIN)
