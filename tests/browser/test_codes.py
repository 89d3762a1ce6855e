"""Codes from the mail: sent at the last digit, selected when wrong, with the time that is left."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, expect

from tests.browser.visitor import Site, Visitor
from tests.relying_party import EndUser, mailed_code

ASK = "/account/login/email/"


def asked(visitor: Visitor) -> None:
    visitor.start_at_bakery()
    visitor.page.fill("[name=login]", visitor.user.email)
    visitor.press("Email me a code")
    visitor.sees("Enter the code")


@pytest.mark.parametrize("script", [True, False], ids=["script", "no-script"])
def test_a_mailed_code_signs_in_to_the_app(
    open_browser: Callable[..., BrowserContext], user: EndUser, bakery: Site, *, script: bool
) -> None:
    page = open_browser(java_script_enabled=script).new_page()
    visitor = Visitor(page, user, bakery)
    asked(visitor)
    visitor.send_code(mailed_code(user.email), "Sign in")
    visitor.allow()
    visitor.is_welcome_at_bakery()


def test_the_last_digit_sends_the_code_and_a_wrong_one_is_selected(visitor: Visitor) -> None:
    asked(visitor)
    field = visitor.page.locator("[name=code]")
    expect(field).to_be_focused()
    visitor.page.keyboard.type("000 000")
    expect(visitor.page.get_by_role("alert")).to_have_count(1)
    expect(field).to_be_focused()
    visitor.page.wait_for_load_state()  # the script selects
    assert field.evaluate("it => it.selectionEnd - it.selectionStart") >= 6
    code = mailed_code(visitor.user.email)
    visitor.page.keyboard.type(f"{code[:3]}-{code[3:]}")  # it replaces what is selected
    visitor.sees("Continue to Bakery?")


def test_the_time_that_is_left_is_shown(visitor: Visitor) -> None:
    asked(visitor)
    left = visitor.page.locator("[data-left]")
    expect(left).to_have_text(re.compile(r"^The code works for another (9:5\d|10:00) minutes\.$"))
    first = left.text_content()
    expect(left).not_to_have_text(str(first))


def test_another_code_can_be_sent(visitor: Visitor) -> None:
    asked(visitor)
    old = mailed_code(visitor.user.email)
    visitor.press("Send another code")
    expect(visitor.page.get_by_role("status")).to_contain_text("Another code is on its way")
    visitor.send_code(mailed_code(visitor.user.email, after=old), "Sign in")
    visitor.sees("Continue to Bakery?")


def test_the_typed_address_comes_along_to_the_reset(visitor: Visitor) -> None:
    visitor.start_at_bakery()
    visitor.page.fill("[name=login]", visitor.user.email)
    visitor.press("Forgot your password?")
    visitor.sees("Set a new password")
    expect(visitor.page.locator("[name=email]")).to_have_value(visitor.user.email)
    expect(visitor.page.locator(".lead")).to_contain_text("Bakery")


def test_enter_signs_in_with_the_password(visitor: Visitor) -> None:
    """And does none of what the form's other buttons do."""
    visitor.start_at_bakery()
    visitor.page.fill("[name=login]", visitor.user.email)
    visitor.page.fill("[name=password]", visitor.user.password)
    visitor.page.keyboard.press("Enter")
    visitor.sees("Continue to Bakery?")
