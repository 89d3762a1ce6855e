"""Users find what is not theirs and end it: on a phone, a desktop, without script, by keyboard."""

import json
import re
from collections.abc import Callable

import pytest
from django.utils import timezone
from playwright.sync_api import BrowserContext, Page, expect

from accounts.models import Session, User
from idp.models import Event
from tests.browser.visitor import NEW_PASSWORD, Site, Visitor
from tests.relying_party import Browser, EndUser, mailed_code

PHONE = {"viewport": {"width": 360, "height": 740}, "is_mobile": True, "has_touch": True}
LINUX = "Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0"


@pytest.fixture(params=["phone", "desktop", "no script"])
def any_visitor(
    request: pytest.FixtureRequest,
    open_browser: Callable[..., BrowserContext],
    user: EndUser,
    bakery: Site,
) -> Visitor:
    options = {"phone": PHONE, "no script": {"java_script_enabled": False}}
    context = open_browser(**options.get(request.param, {}))
    return Visitor(context.new_page(), user, bakery)


@pytest.fixture
def stranger(user: EndUser, provider: object) -> Browser:
    """Another browser that is signed in to the account."""
    with Browser() as browser:
        browser.headers["User-Agent"] = LINUX
        browser.sign_in(user)
    return browser


def begin(visitor: Visitor) -> None:
    visitor.open("/account/login/")
    visitor.sign_in()
    expect(visitor.page).to_have_url(re.compile(r"/account/$"))


def live_sessions(user: EndUser) -> int:
    return Session.objects.filter(user__email=user.email, ended_at=None).count()


def test_a_strange_device_is_signed_out(any_visitor: Visitor, stranger: Browser) -> None:
    begin(any_visitor)
    any_visitor.open("/account/sessions/")
    any_visitor.sees("Devices")
    strange = any_visitor.page.get_by_role("list", name="Firefox on Linux")
    expect(strange).to_contain_text("Last used just now")
    strange.get_by_role("button", name="Sign out: Firefox on Linux").click()
    expect(any_visitor.page.get_by_role("status")).to_have_text("Signed out there.")
    expect(any_visitor.page.get_by_role("list", name="Firefox on Linux")).to_have_count(0)
    expect(any_visitor.page.get_by_text("This device")).to_be_visible()
    assert live_sessions(any_visitor.user) == 1


def test_this_was_not_me(any_visitor: Visitor, stranger: Browser) -> None:
    """From the entry of the strange sign-in to a new password and what was changed."""
    begin(any_visitor)
    page = any_visitor.page
    any_visitor.open("/account/activity/")
    entry = page.get_by_role("listitem").filter(has_text="Firefox on Linux")
    entry.get_by_role("link", name="This wasn’t me").click()
    any_visitor.sees("This wasn’t me")
    expect(page.locator("main")).to_contain_text("Firefox on Linux")
    any_visitor.press("Sign out everywhere and set a new password")
    any_visitor.sees("Enter the code")
    assert live_sessions(any_visitor.user) == 0
    any_visitor.send_code(mailed_code(any_visitor.user.email), "Continue")
    page.fill("[name=password1]", NEW_PASSWORD)
    page.locator("form button.primary").click()
    any_visitor.sees("Check what was changed")
    expect(page.locator("main")).to_contain_text("Your password was changed")
    told = Event.objects.get(user__email=any_visitor.user.email, kind="not-me")
    assert Event.objects.get(reference=told.details["about"]).details["user_agent"] == LINUX


def test_data_is_downloaded(any_visitor: Visitor) -> None:
    begin(any_visitor)
    any_visitor.open("/account/data/")
    any_visitor.sees("Your data")
    with any_visitor.page.expect_download() as download:
        any_visitor.press("Download")
    data = json.loads(download.value.path().read_text())
    assert data["account"]["sub"] == any_visitor.user.sub
    assert download.value.suggested_filename == f"account-{timezone.now():%Y-%m-%d}.json"


def test_by_keyboard(visitor: Visitor, stranger: Browser) -> None:
    begin(visitor)
    visitor.open("/account/activity/")
    tab_to(visitor.page, "This wasn’t me")
    visitor.page.keyboard.press("Enter")
    visitor.sees("This wasn’t me")
    tab_to(visitor.page, "Sign out everywhere")
    visitor.page.keyboard.press("Enter")
    visitor.sees("Enter the code")
    assert live_sessions(visitor.user) == 0


def tab_to(page: Page, words: str) -> None:
    for _ in range(40):
        page.keyboard.press("Tab")
        if words in page.evaluate("document.activeElement.textContent"):
            return
    raise AssertionError(f"{words} can't be reached")


def test_older_entries_are_on_further_pages(any_visitor: Visitor) -> None:
    user = User.objects.get(email=any_visitor.user.email)
    begin(any_visitor)
    for _ in range(45):
        Event.objects.create(kind="signed-in", user=user, details={"methods": ["pwd"]})
    any_visitor.open("/account/activity/")
    entries = any_visitor.page.locator("main li.row")
    expect(entries).to_have_count(40)
    any_visitor.press("Older")
    expect(entries).to_have_count(6)
    any_visitor.press("Newest")
    expect(entries).to_have_count(40)


def test_times_are_in_the_readers_zone(
    open_browser: Callable[..., BrowserContext], user: EndUser, bakery: Site
) -> None:
    row = User.objects.get(email=user.email)
    visitor = Visitor(open_browser(timezone_id="Asia/Tokyo").new_page(), user, bakery)
    begin(visitor)
    Event.objects.filter(user=row).update(at=timezone.now().replace(hour=3, minute=7))
    visitor.open("/account/activity/")
    expect(visitor.page.locator("main li.row time").first).to_have_text(re.compile(r"12:07"))
