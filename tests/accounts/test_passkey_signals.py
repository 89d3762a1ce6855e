"""What browsers are told of passkeys: the user's own, and those that no account has."""

import json
import re
from typing import Any

import httpx
import pytest
from allauth.mfa.models import Authenticator
from fido2.utils import websafe_encode

from accounts.models import User
from tests.passkeys import (
    NEW_PASSKEY,
    EndUserWithPasskey,
    SecurityKey,
    add_passkey,
    make_user_with_passkey,
    options_of,
    send,
)
from tests.relying_party import Browser, EndUser, is_page, spec

LOGIN, OVERVIEW, LIST = "/account/login/", "/account/two-steps/", "/account/two-steps/passkeys/"


@pytest.fixture
def keyholder(provider: object) -> EndUserWithPasskey:
    return make_user_with_passkey()


def told(page: httpx.Response, name: str = "passkey-signals") -> Any:
    found = re.search(rf'<script id="{name}" type="application/json">(.*?)</script>', page.text)
    return json.loads(found[1]) if found else None


@spec("WebAuthn", "5.1.10.2")
@pytest.mark.parametrize("path", [OVERVIEW, LIST])
def test_the_browser_is_told_of_ones_own_passkeys(
    browser: Browser, keyholder: EndUserWithPasskey, path: str
) -> None:
    assert keyholder.key
    keyholder.sign_in(browser)
    signals = told(browser.open(path))
    assert signals == {
        "rpId": "localhost",
        "userId": keyholder.key.handle,
        "name": keyholder.email,
        "displayName": "Ana Lima",
        "allAcceptedCredentialIds": [websafe_encode(keyholder.key.id)],
    }
    assert "passkey-signals.js" in browser.open(path).text


def test_after_adding_renaming_and_removing(
    browser: Browser, keyholder: EndUserWithPasskey
) -> None:
    assert keyholder.key
    keyholder.sign_in(browser)
    browser.submit(browser.open("/account/two-steps/recovery-codes/"), "saved-codes")
    page = browser.open(NEW_PASSKEY)
    another = SecurityKey()
    page = send(browser, page, another.make(options_of(browser, NEW_PASSKEY)), name="Blue")
    assert is_page(page, LIST)
    ids = [websafe_encode(key.id) for key in (keyholder.key, another)]
    assert told(page)["allAcceptedCredentialIds"] == ids
    row = Authenticator.objects.filter(user__email=keyholder.email, type="webauthn").latest("pk")
    page = browser.submit(browser.open(f"/account/two-steps/{row.pk}/name/"), name="Green")
    assert told(page)["allAcceptedCredentialIds"] == ids
    assert "Green" in page.text
    page = browser.submit(browser.open(f"{LIST}{row.pk}/remove/"), "remove-passkey")
    assert told(page)["allAcceptedCredentialIds"] == ids[:1]


def test_nothing_without_a_passkey_ever(browser: Browser, user: EndUser) -> None:
    browser.sign_in(user)
    assert told(browser.open(OVERVIEW)) is None
    assert "passkey-signals.js" not in browser.open(OVERVIEW).text


def test_nothing_of_other_accounts(browser: Browser, keyholder: EndUserWithPasskey) -> None:
    another = make_user_with_passkey()
    assert keyholder.key
    assert another.key
    another.sign_in(browser)
    for path in (OVERVIEW, LIST):
        text = browser.open(path).text
        for secret in (keyholder.email, keyholder.key.handle, websafe_encode(keyholder.key.id)):
            assert secret not in text


@spec("WebAuthn", "5.1.10.1")
def test_a_removed_passkey_is_told_to_its_browser_once(
    browser: Browser, keyholder: EndUserWithPasskey
) -> None:
    assert keyholder.key
    Authenticator.objects.filter(user__email=keyholder.email).delete()
    page = keyholder.sign_in(browser)
    assert is_page(page, LOGIN)
    said = {"rpId": "localhost", "credentialId": websafe_encode(keyholder.key.id)}
    assert told(page, "unknown-passkey") == said
    assert told(browser.open(LOGIN), "unknown-passkey") is None
    with Browser() as elsewhere:
        assert told(elsewhere.open(LOGIN), "unknown-passkey") is None


@spec("WebAuthn", "5.1.10.1")
def test_a_passkey_of_a_deleted_account(browser: Browser, keyholder: EndUserWithPasskey) -> None:
    User.objects.get(email=keyholder.email).delete()
    assert told(keyholder.sign_in(browser), "unknown-passkey") is not None


@pytest.mark.parametrize("bent", ["challenge", "origin", "signature", "not verified"])
def test_a_good_passkey_that_is_refused_is_never_called_unknown(
    browser: Browser, keyholder: EndUserWithPasskey, bent: str
) -> None:
    """The browser would delete it."""
    key = keyholder.key
    assert key
    options = options_of(browser)
    if bent == "not verified":
        key.flags = 1
    credential = key.use(
        options, **({"origin": "https://evil.example"} if bent == "origin" else {})
    )
    if bent == "signature":
        credential["response"]["signature"] = websafe_encode(b"x" * 70)
    if bent == "challenge":
        credential = key.use({**options, "challenge": websafe_encode(b"x" * 32)})
    page = send(browser, browser.open(LOGIN), credential)
    assert "not accepted" in page.text
    assert told(page, "unknown-passkey") is None


@pytest.mark.parametrize("garbage", ["", "{}", "[]", '{"rawId": 5}', '{"rawId": "</script>"}'])
def test_only_an_answer_to_a_challenge_is_told_of(browser: Browser, garbage: str) -> None:
    options_of(browser)
    page = browser.submit(browser.open(LOGIN), credential=garbage)
    assert told(page, "unknown-passkey") is None


def test_the_address_of_the_page_says_nothing(browser: Browser) -> None:
    page = browser.open(LOGIN, **{"unknown-passkey": "AAAA", "unknown_passkey": "AAAA"})
    assert told(page, "unknown-passkey") is None


def test_adding_one_names_it(browser: Browser, user: EndUser) -> None:
    browser.sign_in(user)
    add_passkey(browser)
    assert "Blue key" in browser.open(LIST).text
