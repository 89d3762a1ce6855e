"""Passkeys in Chromium, with an authenticator that its debugging protocol provides."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import BrowserContext, CDPSession, Page, expect

from tests.browser.visitor import NEW_PASSWORD, Site, Visitor
from tests.relying_party import ISSUER, Browser, EndUser, unique

ADD = "/account/two-steps/passkeys/new/"


class Authenticator:
    """What a device's own authenticator is to its browser; its user touches it when told to."""

    def __init__(self, page: Page) -> None:
        self.session: CDPSession = page.context.new_cdp_session(page)
        self.session.send("WebAuthn.enable")
        options: dict[str, Any] = {
            "protocol": "ctap2",
            "transport": "internal",
            "hasResidentKey": True,
            "hasUserVerification": True,
            "isUserVerified": True,
            "automaticPresenceSimulation": True,
        }
        answer = self.session.send("WebAuthn.addVirtualAuthenticator", {"options": options})
        self.id: str = answer["authenticatorId"]

    def touches_by_itself(self, *, enabled: bool) -> None:
        self.session.send(
            "WebAuthn.setAutomaticPresenceSimulation",
            {"authenticatorId": self.id, "enabled": enabled},
        )

    def verifies(self, *, enabled: bool) -> None:
        self.session.send(
            "WebAuthn.setUserVerified", {"authenticatorId": self.id, "isUserVerified": enabled}
        )

    def credentials(self) -> list[dict[str, Any]]:
        answer = self.session.send("WebAuthn.getCredentials", {"authenticatorId": self.id})
        return list(answer["credentials"])


@pytest.fixture
def device(visitor: Visitor) -> Authenticator:
    """The visitor's device, with a passkey on it; they are signed out again."""
    visitor.open("/account/login/")
    visitor.sign_in()
    visitor.is_at_home()
    device = Authenticator(visitor.page)
    visitor.open(ADD)
    visitor.page.fill("[name=name]", "This laptop")
    visitor.page.click("#add-passkey")
    visitor.sees("Recovery codes")
    device.touches_by_itself(enabled=False)
    visitor.press("I have saved them")
    expect(visitor.page.locator(".rows").first).to_contain_text("This laptop")
    visitor.page.context.clear_cookies()
    return device


def without_autofill(page: Page) -> None:
    """Be a browser that offers passkeys by a button only."""
    page.add_init_script(
        "PublicKeyCredential.isConditionalMediationAvailable = () => Promise.resolve(false)"
    )


@pytest.mark.smoke
def test_by_the_button(visitor: Visitor, device: Authenticator) -> None:
    assert [credential["rpId"] for credential in device.credentials()] == ["localhost"]
    assert device.credentials()[0]["isResidentCredential"]
    device.touches_by_itself(enabled=True)
    without_autofill(visitor.page)
    visitor.start_at_bakery()
    visitor.page.click("#use-passkey")
    visitor.allow()
    visitor.is_welcome_at_bakery()
    expect(visitor.page.locator("#claims")).to_contain_text("phr")


def test_by_autofill(visitor: Visitor, device: Authenticator) -> None:
    """Picked where the address is typed: nothing is pressed."""
    device.touches_by_itself(enabled=True)
    visitor.start_at_bakery()
    visitor.allow()
    visitor.is_welcome_at_bakery()


def test_the_button_takes_over_from_autofill(visitor: Visitor, device: Authenticator) -> None:
    visitor.start_at_bakery()
    visitor.page.wait_for_timeout(300)  # autofill waits by now
    device.touches_by_itself(enabled=True)
    visitor.page.click("#use-passkey")
    visitor.allow()
    visitor.is_welcome_at_bakery()


def test_after_the_password(visitor: Visitor, device: Authenticator) -> None:
    visitor.start_at_bakery()
    visitor.sign_in()
    visitor.sees("Use your passkey")
    device.touches_by_itself(enabled=True)
    visitor.page.click("#use-passkey")
    visitor.allow()
    visitor.is_welcome_at_bakery()


def test_without_the_finger_nothing_happens_and_nothing_is_said(
    visitor: Visitor, device: Authenticator
) -> None:
    device.touches_by_itself(enabled=True)
    device.verifies(enabled=False)
    without_autofill(visitor.page)
    visitor.start_at_bakery()
    visitor.page.click("#use-passkey")
    visitor.page.wait_for_timeout(500)
    visitor.sees("Sign in")
    expect(visitor.page.locator("[data-failed]")).to_be_hidden()


def test_removing_it(visitor: Visitor, device: Authenticator) -> None:
    device.touches_by_itself(enabled=True)
    without_autofill(visitor.page)
    visitor.open("/account/login/?next=/account/two-steps/passkeys/")
    visitor.page.click("#use-passkey")
    visitor.sees("Passkeys")
    visitor.press("Remove This laptop")
    expect(visitor.page.get_by_text("your last second step")).to_be_visible()
    visitor.page.click("#remove-passkey")
    expect(visitor.page.get_by_role("status")).to_contain_text("removed")


# --- Offered after the password ---


def find_device(visitor: Visitor) -> Authenticator:
    """Give the visitor's device an authenticator, which the sign-in page's script finds."""
    device = Authenticator(visitor.page)
    device.touches_by_itself(enabled=False)
    return device


def wait_until_found(visitor: Visitor) -> None:
    visitor.page.locator("[name=can_make_passkeys][value='1']").wait_for(state="attached")


def test_offered_after_the_password_and_accepted(visitor: Visitor) -> None:
    device = find_device(visitor)
    visitor.start_at_bakery()
    wait_until_found(visitor)
    visitor.sign_in()
    visitor.sees("Sign in faster next time?")
    device.touches_by_itself(enabled=True)
    visitor.page.click("#add-passkey")
    visitor.sees("Recovery codes")
    visitor.press("I have saved them")
    visitor.allow()
    visitor.is_welcome_at_bakery()
    assert len(device.credentials()) == 1


def test_offered_and_put_off(visitor: Visitor) -> None:
    find_device(visitor)
    visitor.start_at_bakery()
    wait_until_found(visitor)
    visitor.sign_in()
    visitor.sees("Sign in faster next time?")
    visitor.press("Not now")
    visitor.allow()
    visitor.is_welcome_at_bakery()
    visitor.page.context.clear_cookies()
    visitor.start_at_bakery()
    wait_until_found(visitor)
    visitor.sign_in()
    visitor.is_welcome_at_bakery()


def test_not_offered_on_a_device_that_can_make_none(visitor: Visitor) -> None:
    visitor.start_at_bakery()
    visitor.sign_in()
    visitor.allow()


def test_made_by_a_password_manager_without_asking(visitor: Visitor) -> None:
    """Where the browser says that it can (WebAuthn Level 3 §5.1.3)."""
    device = find_device(visitor)
    visitor.page.add_init_script(
        """PublicKeyCredential.getClientCapabilities = async () => ({conditionalCreate: true});
           const create = navigator.credentials.create.bind(navigator.credentials);
           navigator.credentials.create = (asked) => {
             sessionStorage.setItem("mediation", asked.mediation);
             return create({...asked, mediation: undefined});
           };"""
    )
    visitor.open("/account/login/")
    wait_until_found(visitor)
    device.touches_by_itself(enabled=True)
    visitor.sign_in()
    visitor.sees("Recovery codes")
    assert visitor.page.evaluate("sessionStorage.getItem('mediation')") == "conditional"
    expect(visitor.page.get_by_role("status").first).to_contain_text("The passkey was added")


# --- An account that begins with one ---


@pytest.mark.parametrize("size", [(1280, 800), (360, 740)], ids=["desktop", "phone"])
def test_signing_up_with_a_passkey(visitor: Visitor, size: tuple[int, int]) -> None:
    visitor.page.set_viewport_size({"width": size[0], "height": size[1]})
    device = Authenticator(visitor.page)
    device.touches_by_itself(enabled=False)
    visitor.start_at_bakery()
    visitor.press("Create an account")
    visitor.press("Use a passkey instead of a password")
    email = f"{unique('new')}@example.com"
    visitor.page.fill("[name=email]", email)
    visitor.press("Send code")
    visitor.type_code(email)
    visitor.sees("Add your passkey")
    device.touches_by_itself(enabled=True)
    visitor.page.click("#add-passkey")
    visitor.sees("Recovery codes")
    visitor.press("I have saved them")
    visitor.sees("Continue to Bakery?")
    visitor.page.context.clear_cookies()
    visitor.start_at_bakery()
    visitor.sees("Continue to Bakery?")


def test_without_javascript_a_password_is_chosen_instead(
    open_browser: Callable[..., BrowserContext], user: EndUser, bakery: Site
) -> None:
    visitor = Visitor(open_browser(java_script_enabled=False).new_page(), user, bakery)
    visitor.open("/account/signup/")
    expect(visitor.page.get_by_text("Use a passkey instead of a password")).to_be_hidden()
    visitor.open("/account/signup/?passkey=1")
    email = f"{unique('new')}@example.com"
    visitor.page.fill("[name=email]", email)
    visitor.press("Send code")
    visitor.type_code(email)
    visitor.sees("Add your passkey")
    expect(visitor.page.get_by_text("This browser can’t make passkeys")).to_be_visible()
    visitor.page.locator("summary").click()
    visitor.page.fill("[name=password1]", NEW_PASSWORD)
    visitor.press("Save and continue")
    expect(visitor.page).to_have_url(f"{ISSUER}/account/")


# --- What the browser is told ---

HEAR = """for (const name of ["signalAllAcceptedCredentials", "signalCurrentUserDetails",
                              "signalUnknownCredential"]) {
  PublicKeyCredential[name] = async (what) => {
    const heard = JSON.parse(sessionStorage.getItem(name) ?? "[]");
    sessionStorage.setItem(name, JSON.stringify([...heard, what]));
  };
}"""


def heard(page: Page, name: str) -> list[dict[str, Any]]:
    page.wait_for_load_state("networkidle")
    return list(json.loads(page.evaluate(f"sessionStorage.getItem('{name}') ?? '[]'")))


def test_password_managers_are_told(visitor: Visitor, device: Authenticator) -> None:
    visitor.page.add_init_script(HEAR)
    device.touches_by_itself(enabled=True)
    without_autofill(visitor.page)
    visitor.open("/account/login/?next=/account/two-steps/passkeys/")
    visitor.page.click("#use-passkey")
    visitor.sees("Passkeys")
    accepted = heard(visitor.page, "signalAllAcceptedCredentials")[-1]
    assert len(accepted["allAcceptedCredentialIds"]) == 1
    details = heard(visitor.page, "signalCurrentUserDetails")[-1]
    assert (details["name"], details["displayName"]) == (visitor.user.email, "Ana Lima")
    visitor.press("Remove This laptop")
    visitor.page.click("#remove-passkey")
    expect(visitor.page.get_by_role("status")).to_contain_text("removed")
    gone = heard(visitor.page, "signalAllAcceptedCredentials")[-1]
    assert (gone["userId"], gone["allAcceptedCredentialIds"]) == (accepted["userId"], [])
    visitor.page.context.clear_cookies()
    visitor.open("/account/login/")
    visitor.page.click("#use-passkey")
    expect(visitor.page.get_by_text("not accepted")).to_be_visible()
    unknown = heard(visitor.page, "signalUnknownCredential")
    told = [{"rpId": "localhost", "credentialId": accepted["allAcceptedCredentialIds"][0]}]
    assert unknown == told


def test_chromium_forgets_a_passkey_that_was_removed(
    visitor: Visitor, device: Authenticator
) -> None:
    """Without a stub: the authenticator of this browser loses what the server no longer has."""
    device.touches_by_itself(enabled=True)
    without_autofill(visitor.page)
    visitor.open("/account/login/?next=/account/two-steps/passkeys/")
    visitor.page.click("#use-passkey")
    visitor.sees("Passkeys")
    if not visitor.page.evaluate("'signalAllAcceptedCredentials' in PublicKeyCredential"):
        pytest.skip("this Chromium has no Signal API")
    visitor.press("Remove This laptop")
    visitor.page.click("#remove-passkey")
    expect(visitor.page.get_by_role("status")).to_contain_text("removed")
    visitor.page.wait_for_timeout(500)
    assert device.credentials() == []


# --- A browser that is trusted, and recovery codes ---


@pytest.mark.parametrize("javascript", [True, False], ids=["with", "without"])
def test_a_trusted_browser_is_asked_once(
    open_browser: Callable[..., BrowserContext], user: EndUser, bakery: Site, javascript: bool
) -> None:
    with Browser() as elsewhere:
        elsewhere.sign_in(user)
        elsewhere.set_up_app(user)
    visitor = Visitor(open_browser(java_script_enabled=javascript).new_page(), user, bakery)
    for step in ("Enter your code", "Continue to Bakery?"):
        visitor.start_at_bakery()
        visitor.sign_in()
        visitor.sees(step)
        if step == "Enter your code":
            visitor.page.get_by_label("Don’t ask again on this device for 30 days").check()
            visitor.send_code(visitor.app.code(), "Sign in")
            visitor.sees("Continue to Bakery?")
            visitor.open("/account/logout/")
            visitor.page.click("#confirm-logout")
    visitor.open("/account/two-steps/browsers/")
    visitor.press("Stop trusting: Chrome on Linux")
    expect(visitor.page.get_by_role("status")).to_contain_text("asked for there again")
    visitor.open("/account/logout/")
    visitor.page.click("#confirm-logout")
    visitor.start_at_bakery()
    visitor.sign_in()
    visitor.sees("Enter your code")


def test_a_passkey_takes_the_tick_along(visitor: Visitor, device: Authenticator) -> None:
    visitor.open("/account/login/")
    visitor.sign_in()
    visitor.sees("Use your passkey")
    visitor.page.get_by_label("Don’t ask again on this device for 30 days").check()
    device.touches_by_itself(enabled=True)
    visitor.page.click("#use-passkey")
    visitor.is_at_home()
    visitor.open("/account/two-steps/browsers/")
    expect(visitor.page.locator(".rows")).to_contain_text("This browser")


def test_recovery_codes_are_copied_and_downloaded(visitor: Visitor) -> None:
    visitor.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    visitor.open("/account/login/")
    visitor.sign_in()
    visitor.set_up_app()
    codes = visitor.page.locator("#codes code").all_text_contents()
    visitor.press("Copy")
    expect(visitor.page.get_by_role("button", name="Copied")).to_be_visible()
    copied = visitor.page.evaluate("navigator.clipboard.readText()")
    assert copied.split("\n") == codes
    with visitor.page.expect_download() as download:
        visitor.press("Download")
    assert download.value.suggested_filename == "recovery-codes.txt"
    assert download.value.path().read_text().splitlines()[2:] == codes
    visitor.page.evaluate("window.print = () => { document.title = 'printed'; }")
    visitor.press("Print")
    expect(visitor.page).to_have_title("printed")


def test_the_key_is_copied(visitor: Visitor) -> None:
    visitor.page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    visitor.open("/account/login/")
    visitor.sign_in()
    visitor.open("/account/two-steps/app/")
    visitor.press("Copy")
    copied = visitor.page.evaluate("navigator.clipboard.readText()")
    assert copied == visitor.page.locator("#key").text_content()


def test_another_host_has_none_of_it(visitor: Visitor, device: Authenticator) -> None:
    """At another name of the same server, the browser finds no passkey of ours."""
    device.touches_by_itself(enabled=True)
    port = visitor.bakery.url.rpartition(":")[2]
    visitor.page.goto(f"http://127.0.0.1:{port}")
    said = visitor.page.evaluate(
        """navigator.credentials.get({publicKey: {
             challenge: new Uint8Array(32), rpId: "localhost", userVerification: "required"
           }}).then(() => "given", problem => problem.name)"""
    )
    assert said == "SecurityError"
