"""A passkey is offered after signing in by password, where one can be made, once in 30 days."""

from datetime import timedelta

import pytest
from allauth.mfa.models import Authenticator
from django.utils import timezone

from accounts.models import User
from tests.passkeys import (
    SecurityKey,
    make_user_with_passkey,
    options_of,
    send,
)
from tests.relying_party import (
    Browser,
    EndUser,
    RelyingParty,
    is_page,
    mailed_code,
    make_client,
    make_user_with_app,
    unique,
    verified,
)

LOGIN, HOME, OFFER = "/account/login/", "/account/", "/account/login/passkey/offer/"
CODES, SIGN_UP = "/account/two-steps/recovery-codes/", "/account/signup/"


def sign_in(browser: Browser, user: EndUser, page=None):
    """Sign in at a browser whose script has found that it can make passkeys."""
    page = page or browser.open(LOGIN)
    return browser.submit(page, login=user.email, password=user.password, can_make_passkeys="1")


def test_it_stands_between_the_sign_in_and_the_app(browser: Browser, user: EndUser) -> None:
    relying_party = RelyingParty(make_client(first_party=True, client_name="Bakery"), browser, user)
    page = sign_in(browser, user, relying_party.visit())
    assert is_page(page, OFFER)
    assert "Sign in faster next time?" in page.text
    assert "Bakery" in page.text
    assert relying_party.answer(browser.open(page.url.params["next"])).code, "Not now"


def test_the_user_is_signed_in_already(browser: Browser, user: EndUser) -> None:
    assert is_page(sign_in(browser, user), OFFER)
    assert is_page(browser.open(HOME), HOME)


def test_without_javascript_it_is_not_shown(browser: Browser, user: EndUser) -> None:
    assert is_page(browser.type_password(user), HOME)


def test_it_is_shown_once_in_thirty_days(user: EndUser) -> None:
    for page in (OFFER, HOME):
        with Browser() as browser:
            assert is_page(sign_in(browser, user), page)
    User.objects.filter(email=user.email).update(
        passkey_offered_at=timezone.now() - timedelta(days=30, minutes=1)
    )
    with Browser() as browser:
        assert is_page(sign_in(browser, user), OFFER)


def test_not_to_those_who_have_one_or_sign_in_once_more(browser: Browser, user: EndUser) -> None:
    with Browser() as other:
        keyholder = make_user_with_passkey()
        page = sign_in(other, keyholder)
        page = other.submit(page, code=keyholder.recovery_codes[0])
        assert is_page(page, HOME)
    browser.type_password(user)
    page = browser.open(LOGIN, fresh="1", next="/developers/")
    assert is_page(sign_in(browser, user, page), "/developers/")


def test_after_the_second_step(browser: Browser, provider: object) -> None:
    user = make_user_with_app()
    assert user.app
    page = sign_in(browser, user)
    assert is_page(browser.submit(page, code=user.app.code()), OFFER)


def test_accepting_it(browser: Browser, user: EndUser) -> None:
    relying_party = RelyingParty(make_client(first_party=True), browser, user)
    page = sign_in(browser, user, relying_party.visit())
    page = send(browser, page, SecurityKey().make(options_of(browser, OFFER)))
    assert is_page(page, CODES)
    answer = relying_party.answer(browser.submit(page, "saved-codes"))
    claims = verified(relying_party.exchange(answer.code).json()["id_token"])
    assert claims["acr"] == "phr"
    assert is_page(browser.open(OFFER), HOME), "Back leads on"


def test_after_signing_up(browser: Browser, provider: object) -> None:
    email = f"{unique('new')}@example.com"
    page = browser.open(SIGN_UP)
    page = browser.submit(
        page, email=email, password1="three wise boats at anchor", can_make_passkeys="1"
    )
    assert is_page(browser.submit(page, code=mailed_code(email)), OFFER)


# --- Made by a password manager, without asking. WebAuthn Level 3 §5.1.3 ---


def made_quietly(browser: Browser, address: str) -> tuple[SecurityKey, dict]:
    options = options_of(browser, address)
    key = SecurityKey(flags=0)
    return key, key.make(options)


def test_a_password_manager_may_make_one_by_itself(browser: Browser, user: EndUser) -> None:
    page = sign_in(browser, user)
    options = options_of(browser, f"{OFFER}?conditional=1")
    assert options["authenticatorSelection"]["userVerification"] == "preferred"
    key = SecurityKey(flags=0)
    assert is_page(send(browser, page, key.make(options)), CODES)
    key.flags = 5
    with Browser() as elsewhere:
        page = elsewhere.open(LOGIN)
        assert is_page(send(elsewhere, page, key.use(options_of(elsewhere))), HOME)


@pytest.mark.parametrize("flags", [0, 1], ids=["nobody", "not verified"])
def test_using_it_takes_a_verified_user_all_the_same(
    browser: Browser, user: EndUser, flags: int
) -> None:
    page = sign_in(browser, user)
    key = SecurityKey(flags=0)
    send(browser, page, key.make(options_of(browser, f"{OFFER}?conditional=1")))
    key.flags = flags
    with Browser() as elsewhere:
        page = elsewhere.open(LOGIN)
        assert is_page(send(elsewhere, page, key.use(options_of(elsewhere))), LOGIN)


@pytest.mark.parametrize("address", [OFFER, "/account/two-steps/passkeys/new/?conditional=1"])
def test_nowhere_else(browser: Browser, user: EndUser, address: str) -> None:
    sign_in(browser, user)
    page = browser.open(address)
    _, credential = made_quietly(browser, address)
    page = send(browser, page, credential)
    assert "not accepted" in page.text
    assert not Authenticator.objects.filter(user__email=user.email).exists()
