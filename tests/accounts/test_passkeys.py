"""Passkeys: made, listed, used to sign in and as the second factor, renamed, removed."""

import re

import pytest
from allauth.mfa.models import Authenticator
from fido2.utils import websafe_decode, websafe_encode

from accounts.models import User
from accounts.second_factor import is_set_up, remove_all
from tests.passkeys import (
    NEW_PASSKEY,
    PASSKEY,
    EndUserWithPasskey,
    SecurityKey,
    add_passkey,
    make_user_with_passkey,
    options_of,
    send,
)
from tests.relying_party import (
    APPS,
    CODE_STEP,
    SET_UP,
    Browser,
    EndUser,
    RelyingParty,
    is_page,
    make_client,
    spec,
    verified,
    was_mailed,
)

LOGIN, HOME, OVERVIEW = "/account/login/", "/account/", "/account/two-steps/"
CODES, LIST = "/account/two-steps/recovery-codes/", "/account/two-steps/passkeys/"
MULTI, PHR = "urn:signet:acr:multi-factor", "phr"


@pytest.fixture
def keyholder(provider: object) -> EndUserWithPasskey:
    """A user with a passkey."""
    return make_user_with_passkey()


def removal_of(browser: Browser) -> str:
    found = re.search(r"/account/two-steps/passkeys/\d+/remove/", browser.open(LIST).text)
    assert found
    return found[0]


def test_adding_one(browser: Browser, user: EndUser) -> None:
    browser.sign_in(user)
    page = browser.open(NEW_PASSKEY)
    options = options_of(browser, NEW_PASSKEY)
    assert options["rp"]["id"] == "localhost"
    assert options["authenticatorSelection"]["residentKey"] == "required"
    assert options["authenticatorSelection"]["userVerification"] == "required"
    page = send(browser, page, SecurityKey().make(options), name="Blue key")
    assert is_page(page, CODES)
    assert "The passkey was added." in page.text
    assert "Blue key" in browser.open(OVERVIEW).text
    listed = browser.open(LIST)
    assert "Blue key" in listed.text
    assert "Last used <time" in listed.text
    assert was_mailed(user.email, "A passkey was added")


def test_signing_in_with_it_alone(browser: Browser, keyholder: EndUserWithPasskey) -> None:
    relying_party = RelyingParty(make_client(first_party=True), browser, keyholder)
    answer = relying_party.answer(keyholder.sign_in(browser, relying_party.visit()))
    claims = verified(relying_party.exchange(answer.code).json()["id_token"])
    assert claims["sub"] == keyholder.sub
    assert (claims["acr"], claims["amr"]) == (PHR, ["mfa", "pop", "user"])


@pytest.mark.parametrize("asked", [{"prompt": "login"}, {"max_age": "0"}], ids=str)
def test_signing_in_once_more(
    browser: Browser, keyholder: EndUserWithPasskey, asked: dict[str, str]
) -> None:
    relying_party = RelyingParty(make_client(first_party=True), browser, keyholder)
    first = relying_party.answer(keyholder.sign_in(browser, relying_party.visit()))
    before = verified(relying_party.exchange(first.code).json()["id_token"])
    page = relying_party.visit(**asked)
    assert is_page(page, LOGIN)
    again = relying_party.answer(keyholder.sign_in(browser, page))
    after = verified(relying_party.exchange(again.code).json()["id_token"])
    assert after["sid"] == before["sid"]
    assert after["amr"] == before["amr"]


def test_after_the_password(browser: Browser, keyholder: EndUserWithPasskey) -> None:
    relying_party = RelyingParty(make_client(first_party=True), browser, keyholder)
    page = browser.type_password(keyholder, relying_party.visit())
    assert is_page(page, CODE_STEP)
    options = options_of(browser, str(page.url))
    assert len(options["allowCredentials"]) == 1
    assert keyholder.key
    answer = relying_party.answer(send(browser, page, keyholder.key.use(options)))
    claims = verified(relying_party.exchange(answer.code).json()["id_token"])
    assert (claims["acr"], claims["amr"]) == (PHR, ["mfa", "pop", "pwd", "user"])


def test_a_recovery_code_when_it_is_not_at_hand(
    browser: Browser, keyholder: EndUserWithPasskey
) -> None:
    page = browser.type_password(keyholder)
    assert ">Recovery code</label>" in page.text
    assert "authenticator app" not in page.text
    assert "Use a recovery code instead" not in page.text, "it is the one code asked for"
    before, _, after = page.text.partition("<summary>Passkey not at hand?</summary>")
    assert 'name="code"' not in before, "the passkey is asked for first"
    assert 'name="code"' in after
    assert is_page(browser.submit(page, code=keyholder.recovery_codes[0]), HOME)


def test_several_tabs(browser: Browser, keyholder: EndUserWithPasskey) -> None:
    """A challenge of one tab outlives those of others."""
    page = browser.open(LOGIN, next=OVERVIEW)
    options = options_of(browser)
    for _ in range(4):
        options_of(browser)
    assert keyholder.key
    assert is_page(send(browser, page, keyholder.key.use(options)), OVERVIEW)


def test_a_wish_for_phr_and_an_essential_lower_level(
    browser: Browser, keyholder: EndUserWithPasskey
) -> None:
    relying_party = RelyingParty(make_client(first_party=True), browser, keyholder)
    page = browser.type_password(keyholder, relying_party.visit())
    answer = relying_party.answer(browser.submit(page, code=keyholder.recovery_codes[0]))
    claims = verified(relying_party.exchange(answer.code).json()["id_token"])
    assert claims["acr"] == MULTI
    page = relying_party.visit(acr_values=PHR)
    assert is_page(page, "/account/login/more/")
    assert 'name="code"' not in page.text
    assert keyholder.key
    page = send(browser, page, keyholder.key.use(options_of(browser, str(page.url))))
    answer = relying_party.answer(page)
    assert verified(relying_party.exchange(answer.code).json()["id_token"])["acr"] == PHR
    lower = relying_party.answer(relying_party.visit(acr_values=MULTI))
    assert verified(relying_party.exchange(lower.code).json()["id_token"])["acr"] == MULTI


def test_required_and_added_on_the_way(relying_party: RelyingParty) -> None:
    from idp.models import Client

    client = Client.objects.get(client_id=relying_party.client.client_id)
    client.required_acr, client.skip_authorization = PHR, True
    client.save()
    browser = relying_party.browser
    page = browser.sign_in(relying_party.user, relying_party.visit())
    assert is_page(page, NEW_PASSKEY)
    assert "asks for a passkey" in page.text
    add_passkey(browser, page)
    answer = relying_party.answer(browser.open(page.url.params["next"]))
    assert verified(relying_party.exchange(answer.code).json()["id_token"])["acr"] == PHR


def test_removing_the_last_one_warns_and_ends_the_second_step(
    browser: Browser, keyholder: EndUserWithPasskey
) -> None:
    keyholder.sign_in(browser)
    page = browser.open(removal_of(browser))
    assert "your last second step" in page.text
    assert is_page(browser.submit(page, "remove-passkey"), LIST)
    assert not is_set_up(User.objects.get(email=keyholder.email))
    assert was_mailed(keyholder.email, "A passkey was removed")
    with Browser() as elsewhere:
        assert is_page(elsewhere.type_password(keyholder), HOME)
        page = keyholder.sign_in(elsewhere, elsewhere.open(LOGIN, fresh="1"))
        assert "not accepted" in page.text


def test_the_last_way_in_is_called_so(browser: Browser, keyholder: EndUserWithPasskey) -> None:
    user_row = User.objects.get(email=keyholder.email)
    user_row.set_unusable_password()
    user_row.save()
    keyholder.sign_in(browser)
    assert "You have no password" in browser.open(removal_of(browser)).text


def test_beside_an_app(browser: Browser, keyholder: EndUserWithPasskey) -> None:
    keyholder.sign_in(browser)
    browser.set_up_app(keyholder, browser.open(SET_UP))
    assert keyholder.app
    with Browser() as elsewhere:
        page = elsewhere.type_password(keyholder)
        assert is_page(elsewhere.submit(page, code=keyholder.app.code()), HOME)
    removal = browser.removal_of_app()
    page = browser.open(removal)
    assert "Your other ways to sign in stay" in page.text
    assert "password alone" not in page.text, "a passkey is asked for, too"
    page = browser.submit(page, "remove-app")
    assert "The authenticator app is removed." in page.text
    assert is_set_up(User.objects.get(email=keyholder.email))
    assert is_page(browser.open(removal), APPS)


def test_operators_remove_them_too(browser: Browser, keyholder: EndUserWithPasskey) -> None:
    keyholder.sign_in(browser)
    user_row = User.objects.get(email=keyholder.email)
    remove_all(user_row)
    assert not Authenticator.objects.filter(user=user_row).exists()
    assert is_page(browser.open(HOME), LOGIN)
    assert was_mailed(keyholder.email, "the passkeys and the recovery codes")


@spec("HTML", "4.10.18.7")
def test_the_sign_in_page_offers_it(browser: Browser) -> None:
    page = browser.open(LOGIN)
    assert 'autocomplete="username webauthn"' in page.text
    assert f'action="{PASSKEY}"' in page.text
    assert "data-autofill" in page.text


@spec("WebAuthn", "14.6.1")
def test_one_made_while_handles_were_row_numbers_goes_on(keyholder: EndUserWithPasskey) -> None:
    assert keyholder.key
    user_row = User.objects.get(email=keyholder.email)
    User.objects.filter(pk=user_row.pk).update(passkey_handle=None)
    keyholder.key.handle = websafe_encode(str(user_row.pk).encode())
    with Browser() as browser:
        assert is_page(keyholder.sign_in(browser), HOME)
        another = add_passkey(browser)
    assert len(websafe_decode(another.handle)) == 64
    for key in (keyholder.key, another):
        with Browser() as browser:
            page = browser.open(LOGIN)
            assert is_page(send(browser, page, key.use(options_of(browser))), HOME)
