"""Passkeys in Chromium, with an authenticator that its debugging protocol provides."""

from typing import Any

import pytest
from playwright.sync_api import CDPSession, Page, expect

from tests.browser.visitor import Visitor

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
    device = Authenticator(visitor.page)
    device.touches_by_itself(enabled=False)
    visitor.open("/account/login/")
    visitor.sign_in()
    visitor.is_at_home()
    device.touches_by_itself(enabled=True)
    visitor.open(ADD)
    visitor.page.fill("[name=name]", "This laptop")
    visitor.page.click("#add-passkey")
    visitor.sees("Recovery codes")
    device.touches_by_itself(enabled=False)
    visitor.press("I have kept them. Continue")
    expect(visitor.page.locator(".facts")).to_contain_text("This laptop")
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
    visitor.open("/account/login/?next=/account/two-steps/")
    visitor.page.click("#use-passkey")
    visitor.sees("Two-step sign-in")
    visitor.press("Remove This laptop")
    expect(visitor.page.get_by_text("your last second step")).to_be_visible()
    visitor.page.click("#remove-passkey")
    expect(visitor.page.get_by_role("status")).to_contain_text("removed")
    visitor.page.context.clear_cookies()
    visitor.open("/account/login/")
    visitor.page.click("#use-passkey")
    expect(visitor.page.get_by_text("not accepted")).to_be_visible()


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
