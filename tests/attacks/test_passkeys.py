"""Getting in with a passkey that was not made for it. WebAuthn Level 3 §7.2, §13.4."""

import json
import time
from contextlib import nullcontext
from typing import Any

import pytest
from allauth.mfa.models import Authenticator
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from django.conf import settings
from django.core.exceptions import ValidationError
from django.http import HttpRequest
from fido2.cose import ES256, ES256K, ES384, PS256, RS1, RS256, EdDSA
from fido2.utils import websafe_decode

from accounts import passkeys
from accounts.models import Session, User
from tests.passkeys import (
    NEW_PASSKEY,
    PASSKEY,
    PRESENT,
    VERIFIED,
    EndUserWithPasskey,
    SecurityKey,
    make_user_with_passkey,
    options_of,
    send,
)
from tests.relying_party import (
    CODE_STEP,
    Browser,
    EndUser,
    RelyingParty,
    is_page,
    make_client,
    spec,
)

LOGIN, HOME, STEP_UP = "/account/login/", "/account/", "/account/login/more/"


@pytest.fixture
def victim(provider: object) -> EndUserWithPasskey:
    return make_user_with_passkey()


def key_of(user: EndUserWithPasskey) -> SecurityKey:
    assert user.key
    return user.key


def is_out(browser: Browser) -> bool:
    return is_page(browser.open(HOME), LOGIN)


def refused(browser: Browser, credential: Any) -> bool:
    page = send(browser, browser.open(LOGIN), credential)
    return is_page(page, LOGIN) and "not accepted" in page.text and is_out(browser)


@spec("WebAuthn", "13.4.3")
def test_an_answer_works_once_and_in_its_own_browser(victim: EndUserWithPasskey) -> None:
    with Browser() as browser, Browser() as attacker:
        page = browser.open(LOGIN)
        answer = key_of(victim).use(options_of(browser))
        options_of(attacker)
        assert refused(attacker, answer)
        assert is_page(send(browser, page, answer), HOME)
        Session.objects.filter(user__email=victim.email).update(ended_at="2020-01-01T00:00Z")
        assert refused(browser, answer)


@spec("WebAuthn", "13.4.3")
def test_an_answer_comes_within_ten_minutes(
    browser: Browser, user: EndUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser.sign_in(user)
    credential = json.dumps(SecurityKey().make(options_of(browser, NEW_PASSKEY)))
    request = HttpRequest()
    request.user = User.objects.get(email=user.email)
    request.COOKIES[settings.CSRF_COOKIE_NAME] = browser.cookies[settings.CSRF_COOKIE_NAME]
    now = time.time()
    for minutes, accepted in ((11, False), (9, True)):
        monkeypatch.setattr(time, "time", lambda at=now + 60 * minutes: at)
        with nullcontext() if accepted else pytest.raises(ValidationError):
            passkeys.made(request, credential, "Blue key", request.user)
        monkeypatch.undo()


@spec("WebAuthn", "7.2")
def test_a_challenge_is_used_up_by_a_wrong_answer(victim: EndUserWithPasskey) -> None:
    with Browser() as browser:
        options = options_of(browser)
        assert refused(browser, SecurityKey(key_of(victim).handle).use(options))
        assert refused(browser, key_of(victim).use(options))


@spec("WebAuthn", "7.2")
@pytest.mark.parametrize(
    "bent",
    [
        {"origin": "https://evil.example"},
        {"origin": "http://localhost"},
        {"origin": "https://localhost"},
        {"crossOrigin": True},
        {"type": "webauthn.create"},
        {"challenge": "AAAAAAAAAAAAAAAAAAAAAA"},
    ],
    ids=str,
)
def test_what_the_browser_signed_has_to_be_ours(
    browser: Browser, victim: EndUserWithPasskey, bent: dict[str, Any]
) -> None:
    assert refused(browser, key_of(victim).use(options_of(browser), **bent))


@spec("WebAuthn", "7.2")
@pytest.mark.parametrize("flags", [0, PRESENT, VERIFIED])
def test_its_user_has_to_be_there_and_verified(
    browser: Browser, victim: EndUserWithPasskey, flags: int
) -> None:
    key_of(victim).flags = flags
    assert refused(browser, key_of(victim).use(options_of(browser)))


@spec("WebAuthn", "7.2")
def test_it_has_to_be_for_our_host(browser: Browser, victim: EndUserWithPasskey) -> None:
    key_of(victim).rp_id = "evil.example"
    assert refused(browser, key_of(victim).use(options_of(browser)))


@spec("WebAuthn", "7.2")
def test_a_passkey_that_says_it_is_anothers(browser: Browser, victim: EndUserWithPasskey) -> None:
    attacker = make_user_with_passkey()
    key_of(attacker).handle = key_of(victim).handle
    assert refused(browser, key_of(attacker).use(options_of(browser)))


@spec("ASVS", "6.3.3")
def test_ones_own_passkey_is_no_second_factor_for_another(
    browser: Browser, victim: EndUserWithPasskey
) -> None:
    attacker = make_user_with_passkey()
    page = browser.type_password(victim)
    answer = send(browser, page, key_of(attacker).use(options_of(browser, str(page.url))))
    assert is_page(answer, CODE_STEP)
    assert is_out(browser)
    attacker.sign_in(browser)
    assert attacker.email in browser.open(HOME).text


@spec("ASVS", "6.3.3")
def test_an_earlier_passkey_does_not_stand_in_for_a_later_second_factor(
    browser: Browser, victim: EndUserWithPasskey
) -> None:
    """allauth asks no user who ever came by passkey in this browser session."""
    victim.sign_in(browser)
    page = browser.type_password(victim, browser.open(LOGIN, fresh="1"))
    assert is_page(page, CODE_STEP)


@spec("ASVS", "6.3.3")
def test_a_disabled_account_stays_out(browser: Browser, victim: EndUserWithPasskey) -> None:
    User.objects.filter(email=victim.email).update(is_active=False)
    victim.sign_in(browser)
    assert is_out(browser)


@spec("ASVS", "3.5.1")
def test_another_site_cannot_send_the_form(browser: Browser, victim: EndUserWithPasskey) -> None:
    """Signing another user in as oneself is an attack, too."""
    answer = json.dumps(key_of(victim).use(options_of(browser)))
    browser.post(PASSKEY, data={"credential": answer}, headers={"Origin": "https://evil.example"})
    assert is_out(browser)


@spec("ASVS", "7.5.1")
def test_nobody_adds_one_without_having_signed_in_lately(browser: Browser, user: EndUser) -> None:
    browser.sign_in(user)
    page = browser.open(NEW_PASSKEY)
    answer = SecurityKey().make(options_of(browser, NEW_PASSKEY))
    Session.objects.filter(user__email=user.email).update(authenticated_at="2020-01-01T00:00Z")
    assert is_page(send(browser, page, answer), LOGIN)
    assert browser.get(NEW_PASSKEY, headers={"Accept": "application/json"}).status_code == 302


@spec("WebAuthn", "7.1")
@pytest.mark.parametrize("bent", [{"flags": PRESENT}, {"rp_id": "evil.example"}], ids=str)
def test_no_passkey_of_another_kind_is_kept(
    browser: Browser, user: EndUser, bent: dict[str, Any]
) -> None:
    browser.sign_in(user)
    page = browser.open(NEW_PASSKEY)
    answer = SecurityKey(**bent).make(options_of(browser, NEW_PASSKEY))
    assert "not accepted" in send(browser, page, answer).text
    answer = SecurityKey(origin="https://evil.example").make(options_of(browser, NEW_PASSKEY))
    assert "not accepted" in send(browser, page, answer).text


@spec("OIDC Core", "3.1.2.3")
def test_a_tab_that_signs_in_with_less_takes_the_level_with_it(
    browser: Browser, victim: EndUserWithPasskey
) -> None:
    relying_party = RelyingParty(make_client(first_party=True), browser, victim)
    victim.sign_in(browser)
    page = browser.type_password(victim, browser.open(LOGIN, fresh="1"))
    browser.submit(page, code=victim.recovery_codes[0])
    assert is_page(relying_party.visit(acr_values="phr"), STEP_UP)


GARBAGE = [
    "",
    "null",
    "[]",
    "{}",
    "1",
    '"x"',
    "not json",
    '{"id": "AA", "rawId": "AA", "type": "public-key", "response": []}',
    '{"id": "AA", "rawId": "AA", "type": "public-key", "response": {}}',
    '{"id": "\\u0000", "rawId": "\\u0000", "type": "x", "response": {"clientDataJSON": "AA"}}',
    '{"rawId": 1, "response": {"clientDataJSON": 1, "authenticatorData": 2, "signature": 3}}',
    "[" * 3000,
    '{"a":' * 3000,
]


@spec("WebAuthn", "7.2")
@pytest.mark.parametrize("garbage", GARBAGE, ids=range(len(GARBAGE)))
def test_garbage_is_refused_quietly(
    browser: Browser, victim: EndUserWithPasskey, garbage: str
) -> None:
    page = browser.open(LOGIN)
    options_of(browser)
    answer = browser.submit(page, credential=garbage)
    assert is_page(answer, LOGIN)
    page = browser.type_password(victim)
    assert is_page(browser.submit(page, credential=garbage), CODE_STEP)


@spec("WebAuthn", "7.2")
@pytest.mark.parametrize("member", ["clientDataJSON", "authenticatorData", "signature"])
@pytest.mark.parametrize("value", ["", "AA", "!", 5, None, [], {"a": 1}, "A" * 9000], ids=repr)
def test_garbage_in_one_member(
    browser: Browser, victim: EndUserWithPasskey, member: str, value: Any
) -> None:
    answer = key_of(victim).use(options_of(browser))
    answer["response"][member] = value
    assert refused(browser, answer)


@spec("WebAuthn", "7.2")
@pytest.mark.parametrize("handle", ["", "AA", "LTE", "OTk5OTk5OTk5OTk5OTk5OTk5OTk5OTk5", None, 7])
def test_a_passkey_of_nobody(browser: Browser, victim: EndUserWithPasskey, handle: Any) -> None:
    answer = key_of(victim).use(options_of(browser))
    answer["response"]["userHandle"] = handle
    assert refused(browser, answer)


P_256 = ES256.from_cryptography_key(ec.generate_private_key(ec.SECP256R1()).public_key())
P_384 = ES384.from_cryptography_key(ec.generate_private_key(ec.SECP384R1()).public_key())
K_256 = ES256K.from_cryptography_key(ec.generate_private_key(ec.SECP256K1()).public_key())
ED25519 = EdDSA.from_cryptography_key(ed25519.Ed25519PrivateKey.generate().public_key())
RSA = RS256.from_cryptography_key(rsa.generate_private_key(65537, 2048).public_key())
SMALL_RSA = RS256.from_cryptography_key(rsa.generate_private_key(65537, 1024).public_key())

#: WebAuthn §7.1 step 22 and §5.8.5: COSE keys that no browser may bring.
UNSOUND = {
    "RS1": {**RSA, 3: RS1.ALGORITHM},
    "PS256": {**RSA, 3: PS256.ALGORITHM},
    "ES384": P_384,
    "ES256K": K_256,
    "no algorithm that there is": {**P_256, 3: -1},
    "no algorithm": {name: value for name, value in P_256.items() if name != 3},
    "an algorithm in words": {**P_256, 3: "ES256"},
    "off the curve": {**P_256, -3: bytes(31) + b"\1"},
    "the origin": {**P_256, -2: bytes(32), -3: bytes(32)},
    "a short coordinate": {**P_256, -2: P_256[-2][1:]},
    "a long coordinate": {**P_256, -2: b"\0" + P_256[-2]},
    "a compressed point": {**P_256, -3: True},
    "a coordinate that is a number": {**P_256, -2: 5},
    "another curve": {**P_256, -1: 2},
    "another curve's key as ES256": {**K_256, 3: ES256.ALGORITHM},
    "another key type": {**P_256, 1: 1},
    "an EC key as EdDSA": {**P_256, 3: EdDSA.ALGORITHM},
    "an EC key as RS256": {**P_256, 3: RS256.ALGORITHM},
    "an RSA key as ES256": {**RSA, 3: ES256.ALGORITHM},
    "EdDSA off the curve": {**ED25519, -2: b"\2" + bytes(31)},
    "EdDSA past the prime": {**ED25519, -2: b"\xff" * 31 + b"\x7f"},
    "the neutral point": {**ED25519, -2: b"\1" + bytes(31)},
    "EdDSA of another length": {**ED25519, -2: ED25519[-2] + b"\0"},
    "X25519": {**ED25519, -1: 4},
    "a small RSA key": SMALL_RSA,
    "an RSA exponent of 1": {**RSA, -2: b"\1"},
    "an even RSA exponent": {**RSA, -2: b"\1\0\0"},
    "an RSA key without modulus": {**RSA, -1: b""},
}


@spec("WebAuthn", "7.1")
@pytest.mark.parametrize("kind", UNSOUND)
def test_a_key_that_was_not_offered_or_is_not_sound(
    browser: Browser, user: EndUser, kind: str
) -> None:
    browser.sign_in(user)
    page = browser.open(NEW_PASSKEY)
    page = send(browser, page, SecurityKey().make(options_of(browser, NEW_PASSKEY), UNSOUND[kind]))
    assert is_page(page, NEW_PASSKEY)
    assert "not accepted" in page.text
    assert not Authenticator.objects.filter(user__email=user.email).exists()


@spec("WebAuthn", "5.8.5")
@pytest.mark.parametrize("key", [P_256, ED25519, RSA], ids=["ES256", "EdDSA", "RS256"])
def test_each_key_that_is_offered(browser: Browser, user: EndUser, key: dict[int, Any]) -> None:
    browser.sign_in(user)
    page = browser.open(NEW_PASSKEY)
    options = options_of(browser, NEW_PASSKEY)
    assert key[3] in [offered["alg"] for offered in options["pubKeyCredParams"]]
    assert len(options["pubKeyCredParams"]) == 3
    send(browser, page, SecurityKey().make(options, key))
    assert Authenticator.objects.filter(user__email=user.email, type="webauthn").exists()


@spec("WebAuthn", "14.6.1")
def test_a_user_handle_says_nothing_of_its_user(victim: EndUserWithPasskey) -> None:
    handle = websafe_decode(key_of(victim).handle)
    user_row = User.objects.get(email=victim.email)
    assert len(handle) == 64
    assert str(user_row.pk).encode() != handle
    for known in (str(user_row.pk), user_row.sub, user_row.sub.replace("-", ""), user_row.email):
        assert known.encode() not in handle
    assert key_of(make_user_with_passkey()).handle != key_of(victim).handle


@spec("WebAuthn", "7.2")
def test_a_second_step_with_the_handle_of_another_user(victim: EndUserWithPasskey) -> None:
    """Whose sign-in it is, is known: the key has to say the same."""
    with Browser() as browser:
        page = browser.submit(browser.open(LOGIN), login=victim.email, password=victim.password)
        assert is_page(page, CODE_STEP)
        answer = key_of(victim).use(options_of(browser, CODE_STEP))
        answer["response"]["userHandle"] = key_of(make_user_with_passkey()).handle
        page = send(browser, page, answer)
        assert is_page(page, CODE_STEP)
        assert is_out(browser)
