"""Signing up with a passkey instead of a password (`IDP_SIGNUP_METHODS`)."""

import pytest
from allauth.mfa.models import Authenticator

from accounts.models import Session, User
from tests.passkeys import SecurityKey, options_of, send
from tests.relying_party import (
    Browser,
    EndUser,
    RelyingParty,
    is_page,
    mailed_code,
    make_client,
    recovery_codes_on,
    unique,
    verified,
    was_mailed,
)

SIGN_UP, CONFIRM = "/account/signup/", "/account/confirm-email/"
FIRST, CODES, HOME = (
    "/account/login/passkey/first/",
    "/account/two-steps/recovery-codes/",
    "/account/",
)
LOGIN = "/account/login/"
NEW = "three wise boats at anchor"


@pytest.fixture
def email(provider: object) -> str:
    return f"{unique('new')}@example.com"


def begin(browser: Browser, email: str, **query: str):
    """Ask for an account without a password; return the page that follows the mailed code's."""
    page = browser.open(SIGN_UP, passkey="1", **query)
    assert 'name="password1"' not in page.text
    page = browser.submit(page, email=email)
    assert is_page(page, CONFIRM)
    return browser.submit(page, code=mailed_code(email))


def test_an_account_without_a_password(browser: Browser, email: str) -> None:
    page = begin(browser, email)
    assert is_page(page, FIRST)
    assert not Session.objects.filter(user__email=email).exists(), "not signed in yet"
    key = SecurityKey()
    page = send(browser, page, key.make(options_of(browser, FIRST)))
    assert is_page(page, CODES)
    assert len(recovery_codes_on(page)) == 10
    assert is_page(browser.submit(page, "saved-codes"), "/account/two-steps/")
    user = User.objects.get(email=email)
    assert not user.has_usable_password()
    session = Session.objects.get(user=user)
    assert [record["method"] for record in session.methods] == ["mfa"]
    assert was_mailed(email, "A passkey was added")
    with Browser() as elsewhere:
        page = elsewhere.open(LOGIN)
        assert is_page(send(elsewhere, page, key.use(options_of(elsewhere))), HOME)


def test_on_the_way_to_an_app(browser: Browser, email: str) -> None:
    user = EndUser(email, "", "")
    relying_party = RelyingParty(make_client(first_party=True, client_name="Bakery"), browser, user)
    page = relying_party.visit(prompt="create")
    assert is_page(page, SIGN_UP)
    other = f"{SIGN_UP}?passkey=1&next="
    assert other.replace("&", "&amp;") in page.text
    page = begin(browser, email, next=page.url.params["next"])
    assert "Bakery" in page.text
    page = send(browser, page, SecurityKey().make(options_of(browser, str(page.url))))
    assert is_page(page, CODES)
    answer = relying_party.answer(browser.submit(page, "saved-codes"))
    claims = verified(relying_party.exchange(answer.code).json()["id_token"])
    assert (claims["acr"], claims["amr"]) == ("phr", ["mfa", "pop", "user"])


def test_a_password_instead_where_no_passkey_can_be_made(browser: Browser, email: str) -> None:
    page = begin(browser, email, next="/developers/")
    refused = browser.submit(page, password1="short")
    assert is_page(refused, FIRST)
    assert 'role="alert"' in refused.text
    assert is_page(browser.submit(refused, password1=NEW), "/developers/")
    session = Session.objects.get(user__email=email)
    assert [record["method"] for record in session.methods] == ["password"]
    with Browser() as elsewhere:
        assert is_page(elsewhere.type_password(EndUser(email, NEW, "")), HOME)


def test_given_up_halfway_the_address_can_still_get_in(browser: Browser, email: str) -> None:
    begin(browser, email)
    signing_up = mailed_code(email)
    with Browser() as elsewhere:
        page = elsewhere.submit(elsewhere.open("/account/password/reset/"), email=email)
        page = elsewhere.submit(page, code=mailed_code(email, after=signing_up))
        assert is_page(elsewhere.submit(page, password1=NEW), HOME)
    # The page of the first browser is void: the account has a password by now.
    assert is_page(browser.open(FIRST), LOGIN)


def test_the_page_is_nobody_elses(browser: Browser, email: str) -> None:
    begin(browser, email)
    with Browser() as other:
        assert is_page(other.open(FIRST), LOGIN)
        assert is_page(other.open(HOME), LOGIN)


# --- An attacker who wants to know or to have an account ---


def test_a_taken_address_answers_the_same(browser: Browser, user: EndUser, email: str) -> None:
    pages = []
    for address in (user.email, email):
        with Browser() as visitor:
            page = visitor.submit(visitor.open(SIGN_UP, passkey="1"), email=address)
            pages.append((page.status_code, page.url.path, page.text.replace(address, "")))
    known, unknown = (
        (status, path, "".join(line for line in text.splitlines() if "csrf" not in line))
        for status, path, text in pages
    )
    assert known == unknown
    assert was_mailed(user.email, "already")


def test_an_unverified_address_gets_no_passkey(browser: Browser, email: str) -> None:
    page = browser.submit(browser.open(SIGN_UP, passkey="1"), email=email)
    assert is_page(page, CONFIRM)
    assert is_page(browser.open(FIRST), LOGIN)
    answer = browser.get(FIRST, headers={"Accept": "application/json"})
    assert answer.is_redirect
    page = browser.submit(page, code="000000", action="verify")
    assert is_page(page, CONFIRM)
    assert is_page(browser.open(HOME), LOGIN)
    assert not Authenticator.objects.filter(user__email=email).exists()


def test_a_taken_address_gets_no_passkey_either(browser: Browser, user: EndUser) -> None:
    page = browser.submit(browser.open(SIGN_UP, passkey="1"), email=user.email)
    page = browser.submit(page, code="000000", action="verify")
    assert is_page(browser.open(FIRST), LOGIN)
    assert not Authenticator.objects.filter(user__email=user.email).exists()


def test_anothers_sign_up_at_this_address_is_replaced(browser: Browser, email: str) -> None:
    """Who began it chose a password before; it is gone once the owner signs up by passkey."""
    with Browser() as squatter:
        squatter.submit(squatter.open(SIGN_UP), email=email, password1=NEW)
    old = mailed_code(email)
    page = browser.submit(browser.open(SIGN_UP, passkey="1"), email=email)
    page = browser.submit(page, code=mailed_code(email, after=old))
    assert is_page(page, FIRST)
    assert not User.objects.get(email=email).has_usable_password()
