"""Two users at one browser, through the sample site."""

from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, expect

from tests.browser.visitor import Site, Visitor, brought_back, request_of, site_at
from tests.relying_party import EndUser, make_user


def second(visitor: Visitor) -> Visitor:
    """Another user signs in beside the first, at the same browser."""
    other = Visitor(
        visitor.page, make_user(name="Benedetta Montefiori", given_name="Benedetta"), visitor.bakery
    )
    visitor.open("/account/choose/")
    visitor.press("Use another account")
    other.sign_in()
    other.is_at_home("Benedetta")
    return other


def pick(visitor: Visitor) -> None:
    visitor.sees("Choose an account")
    visitor.page.locator("button.account", has_text=visitor.user.email).click()


@pytest.mark.parametrize("script", [True, False], ids=["script", "no-script"])
def test_two_accounts_use_the_same_site(
    open_browser: Callable[..., BrowserContext], user: EndUser, bakery: Site, *, script: bool
) -> None:
    page = open_browser(java_script_enabled=script).new_page()
    visitor = Visitor(page, user, bakery)
    visitor.open("/account/login/")
    visitor.sign_in()
    visitor.is_at_home()
    other = second(visitor)
    visitor.start_at_bakery()  # the other one's account is in use
    visitor.press("Not you?")
    pick(visitor)
    expect(page.get_by_text(f"Signed in as {user.email}")).to_be_visible()
    visitor.allow()
    visitor.is_welcome_at_bakery()
    visitor.open("/account/choose/")
    pick(other)
    page.context.clear_cookies(name="bakery")
    other.start_at_bakery()
    other.allow()
    other.is_welcome_at_bakery()


def test_a_tab_of_another_account_cannot_agree_in_its_name(visitor: Visitor) -> None:
    site = site_at("https://app.example/landed")
    visitor.open(request_of(site, visitor.user)[0])
    visitor.sign_in()
    other = second(visitor.in_another_tab())
    visitor.page.click("#allow")
    expect(visitor.page.get_by_role("status")).to_contain_text("Please try once more")
    expect(visitor.page.get_by_text(f"Signed in as {other.user.email}")).to_be_visible()
    visitor.press("Not you?")
    pick(visitor)
    visitor.page.click("#allow")
    assert brought_back(visitor.page, site.url)["code"]


def test_choosing_by_keyboard(visitor: Visitor) -> None:
    visitor.open("/account/login/")
    visitor.sign_in()
    visitor.is_at_home()
    second(visitor)
    site = site_at("https://app.example/landed", first_party=True)
    path, state = request_of(
        site, visitor.user, prompt="select_account", login_hint=visitor.user.email
    )
    visitor.open(path)
    visitor.sees("Choose an account")
    visitor.page.keyboard.press("Tab")
    visitor.page.keyboard.press("Tab")
    expect(visitor.page.locator(":focus")).to_contain_text(visitor.user.email)
    visitor.page.keyboard.press("Enter")
    assert brought_back(visitor.page, site.url)["state"] == state
