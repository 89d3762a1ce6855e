"""Act as a program without a browser, and as the user who types its code on another device."""

import random
from typing import Any

import httpx

from foundation.statements import hash_of
from idp.models import DeviceCode
from idp.protocol.vocabulary import DEVICE_CODE
from tests import secrecy
from tests.relying_party import Browser, EndUser, Registered, RelyingParty, is_page, make_client

PAGE = "/device"
METADATA = {
    "client_name": "Telly",
    "grant_types": [DEVICE_CODE, "refresh_token"],
    "response_types": [],
    "redirect_uris": None,
    "token_endpoint_auth_method": "none",
    "application_type": "native",
    "profile": "recommended",
}


def make_device_client(**metadata: Any) -> Registered:
    """Register a client that may ask users on another device."""
    return make_client(**{**METADATA, **metadata})


class Device:
    """A program that asks for codes and polls, from an IP address of its own."""

    def __init__(self, client: Registered | None = None) -> None:
        self.client = client or make_device_client()
        self.address = ".".join(str(random.randint(1, 250)) for _ in range(4))
        self.asked: dict[str, Any] = {}

    def post(self, path: str, **parameters: Any) -> httpx.Response:
        party = RelyingParty(self.client, Browser(), None)  # type: ignore[arg-type]
        headers = {"X-Forwarded-For": self.address, "User-Agent": "Telly/1.0 (Tizen)"}
        return party.post(path, headers, **parameters)

    def ask(self, **parameters: Any) -> httpx.Response:
        """Ask for codes."""
        response = self.post("/device_authorization", **{"scope": "openid", **parameters})
        if response.status_code == 200:
            self.asked = response.json()
            secrecy.used.note(self.asked["device_code"])
        return response

    def shows(self, **parameters: Any) -> str:
        """Return the code that it shows, having asked for one."""
        response = self.ask(**parameters)
        assert response.status_code == 200, response.text
        return str(self.asked["user_code"])

    @property
    def row(self) -> DeviceCode:
        return DeviceCode.objects.get(device_code=hash_of(self.asked["device_code"]))

    def poll(self, *, waits: bool = True, **parameters: Any) -> httpx.Response:
        """Poll; `waits` lets the interval pass first, in the database."""
        code = self.asked["device_code"]
        if waits:
            DeviceCode.objects.filter(device_code=hash_of(code)).update(last_checked=None)
        form = {"grant_type": DEVICE_CODE, "device_code": code, **parameters}
        return self.post("/token", **form)

    def error(self, **parameters: Any) -> str:
        """Return the error of a poll."""
        response = self.poll(**parameters)
        assert response.status_code == 400, response.text
        return str(response.json()["error"])

    def tokens(self) -> dict[str, Any]:
        response = self.poll()
        assert response.status_code == 200, response.text
        return response.json()  # type: ignore[no-any-return]


def type_code(browser: Browser, code: str) -> httpx.Response:
    """Return the page that follows a typed code; its form is sent by GET."""
    return browser.open(PAGE, user_code=code)


def approve(browser: Browser, user: EndUser, code: str) -> httpx.Response:
    """Sign in if asked, type a code and approve it."""
    page = type_code(browser, code)
    if is_page(page, "/account/login/"):
        page = browser.sign_in(user, page)
    return browser.submit(page, "approve")


def decided(browser: Browser, user: EndUser, address: str, button: str) -> httpx.Response:
    """Open the address with the code in it, as a telephone that has read it does, and decide."""
    page = browser.settle(browser.get(address))
    return browser.submit(browser.sign_in(user, page), button)
