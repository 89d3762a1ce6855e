"""Act as GitHub and as Apple, whose every word a test decides."""

import json
from dataclasses import dataclass, field
from typing import Any

import httpx
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests import secrecy
from tests.elsewhere import Elsewhere, answering
from tests.relying_party import ISSUER, Browser, unique
from tests.upstreams import FakeUpstream, asked_of, make_upstream

#: The key that an Apple developer has, and as its .p8 file has it.
KEY = ec.generate_private_key(ec.SECP256R1())
P8 = KEY.private_bytes(
    serialization.Encoding.PEM,
    serialization.PrivateFormat.PKCS8,
    serialization.NoEncryption(),
).decode()
APPLE_IDS = {"team_id": "TEAM123456", "key_id": "KEY1234567"}


@dataclass
class FakeGitHub:
    """A GitHub Enterprise Server."""

    site: Elsewhere
    columns: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        path = f"/{unique('github')}"
        self.authorize = f"{self.site.address}{path}/login/oauth/authorize"
        self.token_path = f"{path}/login/oauth/access_token"
        self.user_path = f"{path}/api/v3/user"
        self.emails_path = f"{self.user_path}/emails?per_page=100"
        columns = {"trusts_email": True, **self.columns}
        self.row = make_upstream(self.site.address + path, kind="github", **columns)
        self.email = f"{unique('octo')}@example.org"
        self.number = int.from_bytes(unique("n").encode()[-6:])
        self.say()

    def say(self, *, address: dict[str, Any] | None = None, **user: Any) -> None:
        """Redeem codes and answer as the API does, but for these members of user and address."""
        token = unique("gho")
        secrecy.used.note(token)
        self.token({"access_token": token, "token_type": "bearer", "scope": "user:email"})
        said = {"id": self.number, "login": "octocat", "name": "Octo Cat", "email": None, **user}
        self.site.says(self.user_path, json.dumps(said).encode())
        another = {"email": f"other-{self.email}", "primary": False, "verified": True}
        first = {"email": self.email, "primary": True, "verified": True, **(address or {})}
        self.site.says(self.emails_path, json.dumps([another, first]).encode())

    def token(self, response: dict[str, Any], status: int = 200) -> None:
        """Answer the next request for a token with this."""
        self.site.pages[self.token_path] = answering(json.dumps(response).encode(), status=status)

    def begin(self, browser: Browser, **query: str) -> dict[str, str]:
        """Let a browser begin a sign-in, and return what it is sent here with."""
        page = browser.settle(browser.get(f"/account/upstream/{self.row.slug}/", params=query))
        return asked_of(page)

    def come_back(self, browser: Browser, asked: dict[str, str], **members: Any) -> httpx.Response:
        """Send a browser back: the page where it ends."""
        sent = {"code": "a-code", "state": asked["state"], **members}
        sent = {name: value for name, value in sent.items() if value is not None}
        path = f"/account/upstream/{self.row.slug}/callback"
        return browser.settle(browser.get(path, params=sent))

    def sign_in(self, browser: Browser) -> httpx.Response:
        """Let a browser sign in: the page where it ends."""
        return self.come_back(browser, self.begin(browser))


class FakeApple(FakeUpstream):
    """Apple: an OpenID provider that answers by a form."""

    def __init__(self, site: Elsewhere, **columns: Any) -> None:
        ours = {"kind": "apple", "settings": APPLE_IDS, "secret": P8, "trusts_email": True}
        super().__init__(site, {**ours, **columns})

    def post(self, asked: dict[str, str], **members: str) -> httpx.Response:
        """Send a form as a page of another site does, without our cookies."""
        form = {"code": unique("code"), "state": asked["state"], **members}
        headers = {"Origin": "https://appleid.apple.com", "Sec-Fetch-Site": "cross-site"}
        address = f"{ISSUER}/account/upstream/{self.row.slug}/callback"
        answer = httpx.post(address, data=form, headers=headers, verify=False)
        # It comes without cookies: a new one would end the session that the browser has.
        assert "session" not in answer.headers.get("Set-Cookie", "")
        return answer

    def come_back(self, browser: Browser, asked: dict[str, str], **members: Any) -> httpx.Response:
        """Let the form of this provider send a browser back: the page where it ends."""
        answer = self.post(asked, **members)
        assert answer.is_redirect, answer.text
        return browser.settle(browser.get(answer.headers["Location"]))
