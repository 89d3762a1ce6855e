"""The page that posts an answer to its app, in a browser. OAuth 2.0 Form Post Response Mode."""

from collections.abc import Callable

from playwright.sync_api import BrowserContext

from tests.browser.visitor import Visitor, brought_back, request_of, site_at
from tests.relying_party import EndUser


def at_app(visitor: Visitor) -> str:
    """Sign in on the way to an app that wants its answer posted; return the request's state."""
    site = site_at("https://app.example/callback", client_name="Bakery", first_party=True)
    path, state = request_of(site, visitor.user, response_mode="form_post")
    visitor.open(path)
    visitor.sign_in()
    return state


def test_it_goes_by_itself_and_the_app_may_send_users_on(visitor: Visitor) -> None:
    state = at_app(visitor)
    came = brought_back(visitor.page, "https://shop.example/landed")
    assert came["state"] == state
    assert came["code"]


def test_without_javascript_there_is_a_button(
    open_browser: Callable[..., BrowserContext], user: EndUser, visitor: Visitor
) -> None:
    page = open_browser(java_script_enabled=False).new_page()
    visitor = Visitor(page, user, visitor.bakery)
    state = at_app(visitor)
    visitor.sees("Taking you to Bakery…")
    visitor.press("Continue to Bakery")
    assert brought_back(page, "https://shop.example/landed")["state"] == state
