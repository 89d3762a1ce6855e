"""Forms for keyboards, password managers and users in doubt."""

from playwright.sync_api import Page, expect

from tests.browser.visitor import Visitor, request_of


def focus_order(page: Page) -> list[str]:
    """Press Tab through the page; return the ids on the way."""
    ids = []
    for _ in range(20):
        page.keyboard.press("Tab")
        ids.append(page.evaluate("document.activeElement.id"))
        if ids[-1] in {"allow", "deny"}:
            break
    return ids


def test_sign_in_and_agree_by_keyboard_alone(visitor: Visitor) -> None:
    page = visitor.page
    visitor.start_at_bakery()
    expect(page.locator("[name=login]")).to_be_focused()
    page.keyboard.type(visitor.user.email)
    page.keyboard.press("Tab")
    page.keyboard.type(visitor.user.password)
    page.keyboard.press("Enter")
    visitor.sees("Continue to Bakery?")
    assert focus_order(page)[-1] == "allow"
    page.keyboard.press("Tab")
    expect(page.locator("#deny")).to_be_focused()
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    visitor.is_welcome_at_bakery()


def test_set_up_an_app_and_sign_in_with_it_by_keyboard_alone(visitor: Visitor) -> None:
    def press_tab_until(name: str) -> None:
        for _ in range(20):
            page.keyboard.press("Tab")
            if page.evaluate("document.activeElement.textContent").strip().startswith(name):
                return
        raise AssertionError(f"Tab does not reach {name}")

    page = visitor.page
    visitor.open("/account/login/")
    visitor.sign_in()
    visitor.is_at_home()
    press_tab_until("Sign-in and security")
    page.keyboard.press("Enter")
    visitor.sees("Sign-in and security")
    press_tab_until("Authenticator apps")
    page.keyboard.press("Enter")
    visitor.sees("Set up an authenticator app")
    visitor.scan()
    press_tab_until("Copy")
    page.keyboard.press("Tab")
    expect(page.locator("[name=name]")).to_be_focused()
    page.keyboard.type("My phone")
    page.keyboard.press("Tab")
    expect(page.locator("[name=code]")).to_be_focused()
    page.keyboard.type(visitor.app.code())  # the last digit sends it
    visitor.sees("Recovery codes")
    press_tab_until("I have saved them")
    page.keyboard.press("Enter")
    visitor.sees("Sign-in and security")
    visitor.open(request_of(visitor.bakery, visitor.user, prompt="login")[0])
    expect(page.locator("[name=password]")).to_be_focused()
    page.keyboard.type(visitor.user.password)
    page.keyboard.press("Enter")
    visitor.sees("Enter your code")
    expect(page.locator("#id_code")).to_be_focused()
    page.keyboard.type(visitor.app.wrong_code())  # the last digit sends it
    expect(page.get_by_role("alert")).to_be_visible()
    page.wait_for_load_state()  # the script sends the next code
    expect(page.locator("#id_code")).to_be_focused()
    page.keyboard.type(visitor.app.code())
    visitor.sees("Continue to Bakery?")


def test_the_way_past_the_head_of_the_page_comes_first(visitor: Visitor) -> None:
    visitor.open("/developers/")
    visitor.page.keyboard.press("Tab")
    skip = visitor.page.get_by_role("link", name="Skip to the content")
    expect(skip).to_be_focused()
    expect(skip).to_be_in_viewport()


def test_a_password_can_be_shown(visitor: Visitor) -> None:
    visitor.open("/account/login/")
    password = visitor.page.locator("[name=password]")
    show = visitor.page.get_by_role("button", name="Show the password")
    password.fill(visitor.user.password)
    show.click()
    expect(password).to_have_attribute("type", "text")
    expect(show).to_have_attribute("aria-pressed", "true")
    expect(password).to_be_focused()
    show.click()
    expect(password).to_have_attribute("type", "password")


def test_caps_lock_is_noticed(visitor: Visitor) -> None:
    visitor.open("/account/login/")
    hint = visitor.page.get_by_text("Caps Lock is on.")
    expect(hint).to_be_hidden()
    password = visitor.page.locator("[name=password]")
    password.dispatch_event("keydown", {"key": "A", "modifierCapsLock": True})
    expect(hint).to_be_visible()
    password.dispatch_event("keyup", {"key": "CapsLock", "modifierCapsLock": False})
    expect(hint).to_be_hidden()


def test_the_language_is_switched_and_the_way_kept(visitor: Visitor) -> None:
    html = visitor.page.locator("html")
    visitor.start_at_bakery()
    expect(html).to_have_attribute("lang", "en")
    visitor.press("Deutsch")
    expect(html).to_have_attribute("lang", "de")
    visitor.press("English")
    expect(html).to_have_attribute("lang", "en")
    visitor.sign_in()
    visitor.allow()
    visitor.is_welcome_at_bakery()


def test_password_managers_know_every_field(visitor: Visitor) -> None:
    def is_for(name: str, purpose: str, kind: str) -> None:
        field = visitor.page.locator(f"[name={name}]")
        expect(field).to_have_attribute("autocomplete", purpose)
        expect(field).to_have_attribute("type", kind)

    visitor.open("/account/login/")
    is_for("login", "username webauthn", "email")  # passkeys are suggested in the same list
    is_for("password", "current-password", "password")
    visitor.press("Create an account")
    is_for("email", "username", "email")
    is_for("password1", "new-password", "password")
    visitor.begin_sign_up()
    is_for("code", "one-time-code", "text")
    expect(visitor.page.locator("#id_code")).to_have_attribute("inputmode", "numeric")
    visitor.open("/account/password/reset/")
    is_for("email", "username", "email")
