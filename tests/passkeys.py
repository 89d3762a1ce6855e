"""A security key in software, and users who have one. WebAuthn Level 3 §6, §7."""

import json
import secrets
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import httpx
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from django.conf import settings
from fido2 import cbor
from fido2.cose import ES256
from fido2.utils import sha256, websafe_decode, websafe_encode

from tests.relying_party import ISSUER, Browser, EndUser, make_user, recovery_codes_on

PASSKEY, NEW_PASSKEY = "/account/login/passkey/", "/account/two-steps/passkeys/new/"
PRESENT, VERIFIED, ATTESTED = 1, 4, 64


@dataclass
class SecurityKey:
    """One credential, and what it was told when it was made. What it signs can be bent."""

    handle: str = ""
    origin: str = ISSUER
    rp_id: str = urlsplit(ISSUER).hostname or ""
    flags: int = PRESENT | VERIFIED

    def __post_init__(self) -> None:
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.id = secrets.token_bytes(32)

    def make(self, options: dict[str, Any], cose: dict[int, Any] | None = None) -> dict[str, Any]:
        """Return what a browser answers with a new credential; `cose` is another key than ours."""
        self.handle = options["user"]["id"]
        public = cbor.encode(cose or ES256.from_cryptography_key(self.key.public_key()))
        attested = bytes(16) + len(self.id).to_bytes(2, "big") + self.id + public
        data = self._data(ATTESTED) + attested
        attestation = {"fmt": "none", "attStmt": {}, "authData": data}
        return self._answer(
            clientDataJSON=self._client_data("webauthn.create", options),
            attestationObject=cbor.encode(attestation),
        )

    def use(self, options: dict[str, Any], **bent: Any) -> dict[str, Any]:
        """Return what a browser answers with this credential."""
        data, client_data = self._data(), self._client_data("webauthn.get", options, **bent)
        signature = self.key.sign(data + sha256(client_data), ec.ECDSA(hashes.SHA256()))
        answer = self._answer(
            clientDataJSON=client_data, authenticatorData=data, signature=signature
        )
        answer["response"]["userHandle"] = self.handle
        return answer

    def _data(self, more: int = 0) -> bytes:
        return sha256(self.rp_id.encode()) + bytes([self.flags | more]) + bytes(4)

    def _client_data(self, kind: str, options: dict[str, Any], **bent: Any) -> bytes:
        said = {"type": kind, "challenge": options["challenge"], "origin": self.origin}
        return json.dumps({**said, "crossOrigin": False, **bent}).encode()

    def _answer(self, **response: bytes) -> dict[str, Any]:
        name = websafe_encode(self.id)
        return {
            "id": name,
            "rawId": name,
            "type": "public-key",
            "clientExtensionResults": {},
            "response": {member: websafe_encode(value) for member, value in response.items()},
        }


def options_of(browser: Browser, address: str = PASSKEY) -> dict[str, Any]:
    """Ask a page for a challenge, as its script does; the page gave the browser its cookie."""
    if settings.CSRF_COOKIE_NAME not in browser.cookies:
        browser.open("/account/login/")
    response = browser.get(address, headers={"Accept": "application/json"})
    assert response.status_code == 200, response.text
    options: dict[str, Any] = response.json()["publicKey"]
    assert len(websafe_decode(options["challenge"])) >= 16
    return options


@dataclass
class EndUserWithPasskey(EndUser):
    """A user with a passkey."""

    key: SecurityKey | None = None

    def sign_in(self, browser: Browser, page: httpx.Response | None = None) -> httpx.Response:
        """Sign in with the passkey alone."""
        assert self.key
        page = page or browser.open("/account/login/")
        return send(browser, page, self.key.use(options_of(browser)))


def send(browser: Browser, page: httpx.Response, credential: Any, **fields: Any) -> httpx.Response:
    """Send a page's form for passkeys."""
    return browser.submit(page, credential=json.dumps(credential), **fields)


def add_passkey(browser: Browser, page: httpx.Response | None = None) -> SecurityKey:
    """Add a passkey for the user who is signed in."""
    key = SecurityKey()
    page = page or browser.open(NEW_PASSKEY)
    answer = send(browser, page, key.make(options_of(browser, str(page.url))), name="Blue key")
    assert answer.status_code == 200, answer.text
    assert answer.url.path != NEW_PASSKEY, answer.text
    return key


def make_user_with_passkey() -> EndUserWithPasskey:
    """Create an account and add a passkey to it, at a browser of its own."""
    user = make_user()
    with Browser() as browser:
        browser.sign_in(user)
        key = SecurityKey()
        page = browser.open(NEW_PASSKEY)
        page = send(browser, page, key.make(options_of(browser, NEW_PASSKEY)))
    return EndUserWithPasskey(
        user.email, user.password, user.sub, recovery_codes=recovery_codes_on(page), key=key
    )
