"""A user at a browser: what they do again and again, in their words."""

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

from playwright.sync_api import Page, expect

from accounts.models import User
from idp.models import Client
from tests import secrecy
from tests.relying_party import (
    ISSUER,
    SET_UP,
    AuthenticatorApp,
    Browser,
    EndUser,
    Registered,
    RelyingParty,
    mailed_code,
    make_client,
    unique,
)

NEW_PASSWORD = "tall blue garden gate"
secrecy.used.note(NEW_PASSWORD)


@dataclass
class Site:
    """A website that signs users in with us."""

    url: str
    client: Registered


@dataclass
class Visitor:
    """A user in front of one page."""

    page: Page
    user: EndUser
    bakery: Site

    def in_another_tab(self) -> "Visitor":
        return Visitor(self.page.context.new_page(), self.user, self.bakery)

    def open(self, path: str) -> None:
        self.page.goto(ISSUER + path)

    def press(self, name: str) -> None:
        """Press the button or follow the link of this name."""
        target = self.page.get_by_role("button", name=name, exact=True)
        target.or_(self.page.get_by_role("link", name=name, exact=True)).click()

    def follow(self, title: str) -> None:
        """Follow the row of this title in the account."""
        words = self.page.locator("a.row").filter(has=self.page.get_by_text(title, exact=True))
        words.click()

    def choose(self, name: str) -> None:
        """Open the account menu and follow one of its links."""
        self.page.locator("[popovertarget=account-menu]").click()
        self.page.locator("#account-menu").get_by_role("link", name=name, exact=True).click()

    def is_at_home(self, name: str = "Ana") -> None:
        """Wait for the account's overview, which greets by the given name."""
        self.sees(re.compile(rf", {name}$"))

    def sees(self, heading: str | re.Pattern[str]) -> None:
        """Wait for the page of this heading, and for its scripts, which answer to keys."""
        expect(self.page.get_by_role("heading", level=1)).to_have_text(heading)
        self.page.wait_for_load_state()

    def start_at_bakery(self) -> None:
        self.page.goto(self.bakery.url)
        self.page.click("#sign-in")
        self.page.wait_for_url(f"{ISSUER}/**")

    def sign_in(self, password: str | None = None) -> None:
        self.page.fill("[name=login]", self.user.email)
        self.page.fill("[name=password]", password or self.user.password)
        self.press("Sign in")

    def is_signed_in(self) -> None:
        """Be signed in without having seen the pages of signing in, which takes a second."""
        agent = self.page.evaluate("navigator.userAgent")
        with Browser() as browser:
            browser.headers["User-Agent"] = agent
            browser.sign_in(self.user)
            names = ("name", "value", "domain", "path")
            cookies = [{name: getattr(it, name) for name in names} for it in browser.cookies.jar]
        self.page.context.add_cookies(
            [
                {**it, "domain": it["domain"].removesuffix(".local"), "httpOnly": True}
                for it in cookies
            ]
        )

    def set_up_app(self) -> None:
        """Set up an authenticator app, from its page to the recovery codes."""
        self.open(SET_UP)
        self.turn_on_app()

    def turn_on_app(self) -> None:
        """Scan what the page shows and type the app's first code."""
        self.scan()
        self.send_code(self.app.code(), "Turn on")
        self.sees("Recovery codes")

    def scan(self) -> None:
        """Hand the secret on the page to an app."""
        address = self.page.locator("a[href^='otpauth:']").get_attribute("href")
        assert address
        self.user.app = AuthenticatorApp(address)

    @property
    def app(self) -> AuthenticatorApp:
        assert self.user.app
        return self.user.app

    def allow(self) -> None:
        self.sees("Continue to Bakery?")
        self.page.click("#allow")

    def is_welcome_at_bakery(self, name: str = "") -> None:
        heading = self.page.get_by_role("heading", level=1)
        expect(heading).to_contain_text(f"Welcome, {name}")
        expect(self.page.locator("#claims")).to_contain_text(self.user.sub)

    def begin_sign_up(self, email: str | None = None) -> str:
        """Fill in the sign-up page; the code is on its way to the address returned."""
        email = email or f"{unique('new')}@example.com"
        self.page.fill("[name=email]", email)
        self.page.fill("[name=password1]", NEW_PASSWORD)
        self.press("Send code")
        return email

    def type_code(self, email: str, newer_than: str | None = None) -> None:
        self.sees("Enter the code")
        self.send_code(mailed_code(email, after=newer_than), "Continue")

    def send_code(self, code: str, button: str) -> None:
        """Type a code, which script sends at its last digit, or press the button."""
        self.page.wait_for_load_state()  # the script listens
        sends_itself = self.page.evaluate("matchMedia('(scripting: enabled)').matches")
        self.page.fill("[name=code]", code)
        if not sends_itself:
            self.press(button)

    def ask_for_new_password(self) -> None:
        self.page.fill("[name=email]", self.user.email)
        self.press("Send code")


def site_at(redirect_uri: str, **metadata: Any) -> Site:
    """Return a website of which only its answer's address matters."""
    return Site(redirect_uri, make_client(redirect_uris=[redirect_uri], **metadata))


def owned_site(redirect_uri: str, owner: EndUser, **metadata: Any) -> Site:
    """Return such a website whose developer is a user with an account here."""
    site = site_at(redirect_uri, **metadata)
    user_row = User.objects.get(email=owner.email)
    Client.objects.filter(client_id=site.client.client_id).update(user=user_row)
    return site


def request_of(site: Site, user: EndUser, **overrides: Any) -> tuple[str, str]:
    """Return the path of an authorization request of a site, and its state."""
    relying_party = RelyingParty(site.client, None, user)  # type: ignore[arg-type]
    query = urlencode(relying_party.parameters(**overrides), doseq=True)
    return f"/authorize?{query}", relying_party.state


def brought_back(page: Page, url: str) -> dict[str, str]:
    """Wait until the browser is at this address; return what it brought along."""
    page.wait_for_url(f"{url}?**")
    secrecy.used.note_address(page.url)
    return {name: values[0] for name, values in parse_qs(urlsplit(page.url).query).items()}
