"""Language and colours: kept with the account, and taken over by the browsers it signs in at."""

import pytest
from django.urls import reverse

from accounts.models import User
from tests.relying_party import Browser, EndUser, make_user

PAGE, HOME = "/account/preferences/", "/account/"


def choose(browser: Browser, **chosen: str):
    return browser.submit(browser.open(PAGE), **chosen)


def test_another_browser_takes_them_over_at_its_sign_in(browser: Browser, user: EndUser) -> None:
    browser.sign_in(user)
    page = choose(browser, language="de", theme="dark")
    assert "gespeichert" in page.text
    assert 'data-theme="dark"' in page.text
    with Browser() as elsewhere:
        elsewhere.sign_in(user)
        page = elsewhere.open(HOME)
        assert 'lang="de"' in page.text
        assert 'data-theme="dark"' in page.text


def test_signed_out_pages_of_the_browser_keep_them(browser: Browser, user: EndUser) -> None:
    browser.sign_in(user)
    choose(browser, language="en", theme="light")
    page = browser.submit(browser.open("/account/logout/"), "confirm-logout")
    assert 'data-theme="light"' in page.text


def test_the_colours_of_the_device_can_be_chosen_again(browser: Browser, user: EndUser) -> None:
    browser.sign_in(user)
    choose(browser, theme="dark")
    page = choose(browser, theme="")
    assert "data-theme" not in page.text


def test_the_language_of_the_foot_is_kept_with_the_account(browser: Browser, user: EndUser) -> None:
    browser.sign_in(user)
    page = browser.open(HOME)
    data = {"language": "de", "csrfmiddlewaretoken": browser.cookies["signet-csrf"]}
    browser.post(reverse("set_language"), data=data, headers={"Referer": str(page.url)})
    assert User.objects.get(email=user.email).language == "de"


def test_a_switch_to_another_account_brings_its_own(browser: Browser, user: EndUser) -> None:
    other = make_user()
    User.objects.filter(email=other.email).update(theme="dark")
    with Browser() as browser_of_two:
        browser_of_two.sign_in(user)
        assert "data-theme" not in browser_of_two.open(HOME).text
        browser_of_two.sign_in(other, browser_of_two.open("/account/login/", fresh="1"))
        assert 'data-theme="dark"' in browser_of_two.open(HOME).text


@pytest.mark.parametrize("name", ["language", "theme"])
@pytest.mark.parametrize("value", ["x" * 5000, "../../etc", '"><script>', "dark light", "\0"])
def test_unknown_values_change_nothing(
    browser: Browser, user: EndUser, name: str, value: str
) -> None:
    browser.sign_in(user)
    page = choose(browser, **{name: value})
    assert page.status_code == 200
    assert getattr(User.objects.get(email=user.email), name) == ""


def test_a_forged_cookie_is_no_theme(browser: Browser, user: EndUser) -> None:
    browser.cookies.set("signet-theme", '"><script>')
    assert "data-theme" not in browser.open("/account/login/").text
