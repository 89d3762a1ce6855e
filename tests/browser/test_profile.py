"""The profile, the picture, and the name that apps greet a user by: journeys of users."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from playwright.sync_api import BrowserContext, Page, expect

from accounts.models import User
from idp.declaration import apply
from idp.models import Attribute
from tests.browser.test_pages import fits, violations
from tests.browser.visitor import Site, Visitor
from tests.relying_party import EndUser, make_user

OpenBrowser = Callable[..., BrowserContext]
PHONE = {"viewport": {"width": 360, "height": 740}}
NAMELESS = dict.fromkeys(
    ("name", "given_name", "family_name", "middle_name", "nickname", "preferred_username"), ""
)
PROFILE = "/account/profile/"


def profile_of(visitor: Visitor) -> Visitor:
    visitor.open("/account/login/")
    visitor.sign_in()
    visitor.page.wait_for_url("**/account/")
    visitor.open(PROFILE)
    visitor.sees("Profile")
    return visitor


def stored(visitor: Visitor) -> User:
    return User.objects.get(email=visitor.user.email)


def wait_until(page: Page, expression: str) -> None:
    """Wait until JavaScript is true; Playwright's own way of waiting is against our policy."""
    for _ in range(100):
        if page.evaluate(expression):
            return
        page.wait_for_timeout(100)
    raise AssertionError(expression)


def picture_file(folder: Path, side: int = 300) -> Path:
    """Return a file with a picture that compresses badly."""
    path = folder / "me.png"
    Image.frombytes("RGB", (side, side), os.urandom(3 * side * side)).save(path)
    return path


@pytest.mark.parametrize("options", [{}, PHONE, {"java_script_enabled": False}])
def test_a_new_user_is_greeted_by_the_name_they_typed(
    open_browser: OpenBrowser, bakery: Site, options: dict[str, Any]
) -> None:
    visitor = Visitor(open_browser(**options).new_page(), EndUser("", "", ""), bakery)
    visitor.start_at_bakery()
    visitor.press("Create an account")
    visitor.page.get_by_label("Your name (optional)").fill("Ana Lima")
    email = visitor.begin_sign_up()
    visitor.type_code(email)
    visitor.allow()
    heading = visitor.page.get_by_role("heading", level=1)
    expect(heading).to_have_text("Welcome, Ana Lima")


@pytest.mark.parametrize("options", [{}, PHONE, {"java_script_enabled": False}])
def test_a_user_without_a_name_gives_it_on_the_consent_page(
    open_browser: OpenBrowser, bakery: Site, options: dict[str, Any]
) -> None:
    user = make_user(**NAMELESS)
    visitor = Visitor(open_browser(**options).new_page(), user, bakery)
    visitor.start_at_bakery()
    visitor.sign_in()
    visitor.page.get_by_label("Your name (optional)").fill("Ana Lima")
    visitor.allow()
    visitor.is_welcome_at_bakery("Ana Lima")


def test_a_user_who_gives_no_name_is_not_greeted_by_a_uuid(visitor: Visitor) -> None:
    visitor.user = make_user(**NAMELESS)
    visitor.start_at_bakery()
    visitor.sign_in()
    visitor.allow()
    visitor.is_welcome_at_bakery()
    expect(visitor.page.get_by_role("heading", level=1)).not_to_contain_text(visitor.user.sub)


def test_a_profile_is_edited_by_keyboard_alone(visitor: Visitor) -> None:
    page = profile_of(visitor).page
    page.get_by_label("Full name").focus()
    page.keyboard.press("Control+A")
    page.keyboard.type("Ana Maria Lima")
    for _ in range(3):
        page.keyboard.press("Tab")
    expect(page.get_by_label("Family name")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("status").first).to_have_text("Your profile is saved.")
    assert stored(visitor).name == "Ana Maria Lima"


@pytest.mark.parametrize("options", [{}, PHONE, {"java_script_enabled": False}])
def test_every_kind_of_field_is_saved(
    open_browser: OpenBrowser, bakery: Site, user: EndUser, options: dict[str, Any]
) -> None:
    visitor = profile_of(Visitor(open_browser(**options).new_page(), user, bakery))
    page = visitor.page
    page.get_by_label("Month").select_option(label="April")
    page.get_by_label("Year").fill("")
    page.get_by_label("Time zone").select_option(label="Vienna")
    page.get_by_role("combobox", name="Language").select_option(label="Deutsch (Österreich)")
    page.get_by_label("Country", exact=True).fill("Österreich")
    visitor.press("Save")
    expect(page.get_by_role("status").first).to_have_text("Your profile is saved.")
    found = stored(visitor)
    assert (found.birthdate, found.zoneinfo) == ("0000-04-12", "Europe/Vienna")
    assert (found.locale, found.address["country"]) == ("de-AT", "Österreich")
    assert found.address["formatted"] == "Rua do Ouro 1\nLisboa"


@pytest.mark.parametrize("options", [{}, PHONE, {"java_script_enabled": False}])
def test_a_picture_is_uploaded_shown_and_removed(
    open_browser: OpenBrowser,
    bakery: Site,
    user: EndUser,
    options: dict[str, Any],
    tmp_path: Path,
) -> None:
    visitor = profile_of(Visitor(open_browser(**options).new_page(), user, bakery))
    page = visitor.page
    page.get_by_label("Another picture").set_input_files(picture_file(tmp_path))
    visitor.press("Upload")
    expect(page.get_by_alt_text("Your picture")).to_be_visible()
    expect(page.locator(".bar img")).to_be_visible()
    if options.get("java_script_enabled", True):
        loaded = "[...document.images].every(image => image.complete && image.naturalWidth === 512)"
        wait_until(page, loaded)
    visitor.press("Remove the picture")
    expect(page.get_by_role("status").first).to_have_text("Your picture is removed.")
    expect(page.locator("img")).to_have_count(0)


def test_a_picture_from_a_camera_is_made_smaller_by_the_browser(
    visitor: Visitor, tmp_path: Path
) -> None:
    page = profile_of(visitor).page
    file = picture_file(tmp_path, 1400)
    assert file.stat().st_size > 5 * 1024 * 1024
    page.get_by_label("Another picture").set_input_files(file)
    wait_until(page, "id_picture.files[0].name === 'picture.jpg'")
    visitor.press("Upload")
    expect(page.get_by_alt_text("Your picture")).to_be_visible()


def test_without_javascript_a_picture_that_is_too_large_is_refused_beside_its_field(
    open_browser: OpenBrowser, bakery: Site, user: EndUser, tmp_path: Path
) -> None:
    context = open_browser(java_script_enabled=False)
    visitor = profile_of(Visitor(context.new_page(), user, bakery))
    visitor.page.get_by_label("Another picture").set_input_files(picture_file(tmp_path, 1400))
    visitor.press("Upload")
    expect(visitor.page.get_by_role("alert")).to_contain_text("larger than 2 MB")


# --- the pages for every eye and hand ------------------------------------------------------------


def plain(visitor: Visitor, _folder: Path) -> None:
    profile_of(visitor)


def with_picture(visitor: Visitor, folder: Path) -> None:
    profile_of(visitor).page.get_by_label("Another picture").set_input_files(picture_file(folder))
    visitor.press("Upload")
    expect(visitor.page.get_by_alt_text("Your picture")).to_be_visible()


def with_errors(visitor: Visitor, _folder: Path) -> None:
    page = profile_of(visitor).page
    page.get_by_label("Day", exact=True).fill("31")
    page.get_by_label("Month").select_option(label="February")
    page.get_by_label("Phone number").fill("112")
    page.get_by_label("User name").fill("root")
    page.get_by_label("Website").fill("javascript:alert(1)")
    visitor.press("Save")
    expect(page.get_by_role("alert")).to_be_visible()
    expect(page.locator(".error-text")).to_have_count(4)


def with_wrong_picture(visitor: Visitor, folder: Path) -> None:
    file = folder / "me.svg"
    file.write_text("<svg xmlns='http://www.w3.org/2000/svg'/>")
    profile_of(visitor).page.get_by_label("Another picture").set_input_files(file)
    visitor.press("Upload")
    expect(visitor.page.get_by_role("alert")).to_contain_text("can’t be used")


def with_attributes(visitor: Visitor, _folder: Path) -> None:
    kinds: dict[str, dict[str, Any]] = {
        "department": {"type": "choice", "choices": ["Bread", "Cake"]},
        "staff_number": {"type": "number", "user_access": "visible"},
        "vegan": {"type": "boolean"},
        "joined": {"type": "date"},
    }
    entries = [
        {"name": name, "label": name.capitalize(), "user_access": "editable", **members}
        for name, members in kinds.items()
    ]
    user = {"email": visitor.user.email, "attributes": {"staff_number": 17}}
    apply({"attributes": entries, "users": [user]}, dry_run=False)
    profile_of(visitor)
    expect(visitor.page.get_by_text("Set by the operator of this service.")).to_be_visible()


def consent_of_nameless(visitor: Visitor, _folder: Path) -> None:
    visitor.user = make_user(**NAMELESS, phone_number="", address={})
    visitor.start_at_bakery()
    visitor.sign_in()
    expect(visitor.page.get_by_label("Your name (optional)")).to_be_visible()


def consent_with_wrong_name(visitor: Visitor, folder: Path) -> None:
    consent_of_nameless(visitor, folder)
    visitor.page.get_by_label("Your name (optional)").fill("a\u202eb")
    visitor.page.click("#allow")
    expect(visitor.page.get_by_role("alert")).to_be_visible()


PAGES = {
    each.__name__: each
    for each in (
        *(plain, with_picture, with_errors, with_wrong_picture, with_attributes),
        *(consent_of_nameless, consent_with_wrong_name),
    )
}


@pytest.mark.parametrize("name", PAGES)
def test_every_page_is_accessible(visitor: Visitor, tmp_path: Path, name: str) -> None:
    try:
        PAGES[name](visitor, tmp_path)
        visitor.page.wait_for_load_state()
        assert violations(visitor) == []
        fits(visitor)
    finally:
        Attribute.objects.all().delete()
