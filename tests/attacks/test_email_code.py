"""Signing in by a mailed code reveals no account, is not guessed, and is one factor."""

import httpx
import pytest

from accounts import code_limits
from accounts.models import Session, User
from tests.relying_party import (
    CODE_STEP,
    Browser,
    EndUser,
    RelyingParty,
    is_page,
    mailed_code,
    make_client,
    make_user,
    make_user_with_app,
    spec,
    unique,
    verified,
    was_mailed,
    was_mailed_by_now,
)

ASK, CODE, HOME = "/account/login/email/", "/account/login/mailed-code/", "/account/"
WRONG = "000000"


def ask(browser: Browser, email: str) -> httpx.Response:
    return browser.submit(browser.open(ASK), login=email)


def without(page: httpx.Response, email: str) -> str:
    """Return a page's words without the address and what differs each time."""
    main = page.text.partition("<main")[2].partition("</main>")[0]
    lines = main.replace(email, "").splitlines()
    return "\n".join(line for line in lines if "csrf" not in line and "data-left" not in line)


def test_the_right_code_signs_in_and_the_app_learns_how(browser: Browser, user: EndUser) -> None:
    app = RelyingParty(make_client(), browser, user)
    page = app.visit()
    page = browser.submit(browser.open(ASK, next=page.url.params["next"]), login=user.email)
    assert is_page(page, CODE)
    assert was_mailed(user.email, "with a code instead of a password")
    page = browser.submit(page, code=mailed_code(user.email))
    claims = verified(app.exchange(app.go_on(page).code).json()["id_token"])
    assert claims["amr"] == ["otp"]
    assert claims["acr"] == "1" or "2" not in claims["acr"]
    [session] = Session.objects.filter(user__email=user.email)
    assert [record["method"] for record in session.methods] == ["code"]


@spec("ASVS", "6.3.8")
def test_pages_are_the_same_whether_or_not_there_is_an_account(user: EndUser) -> None:
    unknown = f"{unique('unknown')}@example.com"
    shown = []
    for email in (user.email, unknown):
        with Browser() as browser:
            page = ask(browser, email)
            refused = browser.submit(page, code=WRONG)
            again = browser.submit(refused, "another-code")
            shown.append([without(one, email) for one in (page, refused, again)])
    assert shown[0] == shown[1]
    assert not was_mailed_by_now(unknown, "code")


@spec("ASVS", "6.3.8")
def test_limits_are_the_same_whether_or_not_there_is_an_account(user: EndUser) -> None:
    unknown = f"{unique('unknown')}@example.com"
    answers = []
    for email in (user.email, unknown):
        with Browser() as browser:
            tries = range(code_limits.MAILS_HERE.allowed + 1)
            answers.append([ask(browser, email).status_code for _ in tries])
    assert answers[0] == answers[1]
    assert answers[0][-1] == 429


@spec("ASVS", "6.3.1")
def test_five_wrong_codes_use_the_code_up(browser: Browser, user: EndUser) -> None:
    page = ask(browser, user.email)
    right = mailed_code(user.email)
    for _ in range(code_limits.ATTEMPTS.allowed):
        page = browser.submit(page, code=WRONG)
    assert "Too many wrong codes" in page.text
    browser.open(CODE)
    assert not is_page(browser.open(HOME), HOME)
    page = ask(browser, user.email)
    assert not is_page(browser.submit(page, code=right), HOME)


def test_a_code_works_in_the_browser_that_asked_for_it_alone(user: EndUser) -> None:
    with Browser() as owner, Browser() as attacker:
        ask(owner, user.email)
        code = mailed_code(user.email)
        page = ask(attacker, user.email)
        assert not is_page(attacker.submit(page, code=code), HOME)


def test_only_the_newest_code_works(browser: Browser, user: EndUser) -> None:
    page = ask(browser, user.email)
    old = mailed_code(user.email)
    page = browser.submit(page, "another-code")
    assert "Another code is on its way" in page.text
    new = mailed_code(user.email, after=old)
    assert is_page(browser.submit(page, code=old), CODE)
    assert is_page(browser.submit(browser.open(CODE), code=new), HOME)


def test_a_code_does_not_replace_the_second_step(browser: Browser) -> None:
    user = make_user_with_app()
    page = browser.submit(ask(browser, user.email), code=mailed_code(user.email))
    assert is_page(page, CODE_STEP)
    assert not is_page(browser.open(HOME), HOME)


def test_nobody_is_let_into_an_account_that_another_has_prepared(browser: Browser) -> None:
    """Its address was never verified: the password is one that its owner does not know."""
    email = f"{unique('victim')}@example.com"
    with Browser() as attacker:
        page = attacker.open("/account/signup/")
        attacker.submit(page, email=email, password1="three wise boats at anchor")
    before = mailed_code(email)
    page = ask(browser, email)
    assert is_page(page, CODE)
    assert not is_page(browser.submit(page, code=before), HOME)
    assert not User.objects.get(email=email).emailaddress_set.filter(verified=True).exists()


@pytest.mark.parametrize("column", ["is_active", "password_change_required"])
def test_a_code_opens_no_account_that_a_password_would_not(browser: Browser, column: str) -> None:
    user = make_user()
    page = ask(browser, user.email)
    code = mailed_code(user.email)
    User.objects.filter(email=user.email).update(**{column: column != "is_active"})
    assert not is_page(browser.submit(page, code=code), HOME)
    assert not is_page(browser.open(HOME), HOME)


@pytest.mark.parametrize("typed", ["", "no address", "a@b@c", "a\0@b.c"])
def test_bad_addresses_get_an_error_at_the_field(browser: Browser, typed: str) -> None:
    page = ask(browser, typed)
    assert page.status_code == 200
    assert 'id="id_login-error"' in page.text


def test_the_address_from_the_sign_in_page_comes_along(browser: Browser, user: EndUser) -> None:
    page = browser.open("/account/login/")
    token = browser.cookies["signet-csrf"]
    data = {"csrfmiddlewaretoken": token, "login": user.email, "password": "half typed"}
    headers = {"Referer": str(page.url)}
    reset = browser.post("/account/password/reset/", data=data, headers=headers)
    assert f'value="{user.email}"' in reset.text
    assert not was_mailed_by_now(user.email, "code")
    sent = browser.settle(browser.post(ASK, data=data, headers=headers))
    assert is_page(sent, CODE)
    assert "half typed" not in reset.text + sent.text


def test_the_reset_names_the_app_that_it_continues_to(browser: Browser, user: EndUser) -> None:
    page = RelyingParty(make_client(client_name="Bakery"), browser, user).visit()
    reset = browser.open("/account/password/reset/", next=page.url.params["next"])
    assert "<bdi>Bakery</bdi>" in reset.text
