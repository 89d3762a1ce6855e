"""The sign-in page marks the way that was used last at this browser, and says of nobody who."""

import re

from tests.passkeys import make_user_with_passkey
from tests.relying_party import Browser, EndUser

LOGIN, COOKIE = "/account/login/", "signet-last-method"


def marked(browser: Browser) -> list[str]:
    """Return the buttons of the sign-in page that are marked."""
    text = browser.open(LOGIN).text
    found = re.findall(r'<button[^>]* aria-describedby="last-method">([^<]*)</button>', text)
    assert text.count("You used this last time.") == len(found)
    return found


def sign_out(browser: Browser) -> None:
    browser.submit(browser.open("/account/logout/"), "confirm-logout")


def test_a_new_browser_has_none(browser: Browser) -> None:
    assert marked(browser) == []


def test_the_password_then_the_passkey(browser: Browser) -> None:
    user = make_user_with_passkey()
    browser.submit(browser.type_password(user), code=user.recovery_codes[0])
    sign_out(browser)
    assert marked(browser) == ["Sign in"]
    user.sign_in(browser)
    sign_out(browser)
    assert marked(browser) == ["Use a passkey"]


def test_the_cookie_has_no_account(browser: Browser, user: EndUser) -> None:
    browser.sign_in(user)
    cookie = next(each for each in browser.cookies.jar if each.name == COOKIE)
    assert cookie.value == "password"
    assert cookie.has_nonstandard_attr("HttpOnly")
    assert cookie.get_nonstandard_attr("SameSite") == "Lax"


def test_another_word_in_the_cookie_is_ignored(browser: Browser) -> None:
    browser.cookies.set(COOKIE, "<b>")
    assert marked(browser) == []


def test_an_emailed_code(browser: Browser, user: EndUser) -> None:
    browser.cookies.set(COOKIE, "code")
    page = browser.open(LOGIN)
    assert "Last time you used an emailed code." in page.text
