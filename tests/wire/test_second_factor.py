"""What relying parties are told of a second factor: `acr`, `amr`. OIDC Core §2, RFC 8176."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import Session
from tests.relying_party import (
    CODE_STEP,
    Browser,
    EndUser,
    RelyingParty,
    is_page,
    mailed_code,
    make_client,
    make_user_with_app,
    spec,
    unique,
    verified,
)

SINGLE, MULTI = "urn:signet:acr:single-factor", "urn:signet:acr:multi-factor"


@pytest.fixture
def careful(browser: Browser) -> RelyingParty:
    """A website whose user has an authenticator app."""
    return RelyingParty(make_client(first_party=True), browser, make_user_with_app())


def claims(relying_party: RelyingParty, code: str | None) -> dict[str, Any]:
    return verified(relying_party.exchange(code).json()["id_token"])


@spec("RFC 8176", "2")
def test_a_password_alone(relying_party: RelyingParty) -> None:
    told = claims(relying_party, relying_party.authorize().code)
    assert (told["amr"], told["acr"]) == (["pwd"], SINGLE)


@spec("RFC 8176", "2")
def test_a_password_and_a_code_of_the_app(careful: RelyingParty) -> None:
    told = claims(careful, careful.authorize().code)
    assert (told["amr"], told["acr"]) == (["mfa", "otp", "pwd"], MULTI)


@spec("RFC 8176", "2")
def test_a_password_and_a_recovery_code(careful: RelyingParty) -> None:
    page = careful.browser.type_password(careful.user, careful.visit())
    answer = careful.answer(careful.browser.submit(page, code=careful.user.recovery_codes[3]))
    told = claims(careful, answer.code)
    assert (told["amr"], told["acr"]) == (["mfa", "otp", "pwd"], MULTI)


@spec("RFC 8176", "2")
def test_a_mailed_code_and_a_code_of_the_app(careful: RelyingParty) -> None:
    browser, user = careful.browser, careful.user
    page = browser.open("/account/password/reset/", next=careful.visit().url.params["next"])
    page = browser.submit(page, email=user.email)
    page = browser.submit(page, code=mailed_code(user.email))
    page = browser.submit(page, password1="another quiet boat on the river")
    assert is_page(page, CODE_STEP)
    told = claims(careful, careful.answer(browser.submit(page, code=user.app.code())).code)
    assert (told["amr"], told["acr"]) == (["mfa", "otp"], MULTI)


@spec("RFC 8176", "2")
def test_an_app_set_up_while_signed_in_counts_from_then_on(returning: RelyingParty) -> None:
    before = claims(returning, returning.answer(returning.visit()).code)
    returning.browser.set_up_app(returning.user)
    after = claims(returning, returning.answer(returning.visit(prompt="none")).code)
    assert (before["acr"], after["acr"]) == (SINGLE, MULTI)
    assert after["amr"] == ["mfa", "otp", "pwd"]
    assert after["auth_time"] == before["auth_time"]
    assert after["sid"] == before["sid"]


@spec("OIDC Core", "3.1.2.1")
@pytest.mark.parametrize("asked", [{"prompt": "login"}, {"max_age": "0"}], ids=str)
def test_signing_in_once_more_takes_both_steps(
    careful: RelyingParty, asked: dict[str, str]
) -> None:
    before = claims(careful, careful.authorize().code)
    Session.objects.filter(user__sub=careful.user.sub).update(
        authenticated_at=timezone.now() - timedelta(hours=1)
    )
    page = careful.browser.type_password(careful.user, careful.visit(**asked))
    assert is_page(page, CODE_STEP)
    assert careful.answer(careful.visit(prompt="none", max_age="60")).error == "login_required"
    answer = careful.answer(careful.browser.submit(page, code=careful.user.app.code()))
    after = claims(careful, answer.code)
    assert (after["amr"], after["acr"]) == (["mfa", "otp", "pwd"], MULTI)
    assert after["sid"] == before["sid"]


@spec("OIDC Core", "2")
def test_a_sign_in_renewed_without_the_app_does_not_keep_its_mark(careful: RelyingParty) -> None:
    assert claims(careful, careful.authorize().code)["acr"] == MULTI
    page = careful.browser.open(careful.browser.removal_of_app())
    careful.browser.submit(page, "remove-app")
    careful.user.app = None
    page = careful.visit(prompt="login")
    answer = careful.answer(careful.browser.type_password(careful.user, page))
    told = claims(careful, answer.code)
    assert (told["amr"], told["acr"]) == (["pwd"], SINGLE)


@spec("OIDC Core", "2")
def test_a_new_account_says_password_and_can_have_an_app_at_once(browser: Browser) -> None:
    user = EndUser(f"{unique('new')}@example.com", "tall blue garden gate", "")
    page = browser.open("/account/signup/")
    browser.submit(page, email=user.email, password1=user.password)
    page = browser.open("/account/confirm-email/")
    browser.submit(page, code=mailed_code(user.email), action="verify")
    relying_party = RelyingParty(make_client(first_party=True), browser, user)
    told = claims(relying_party, relying_party.authorize().code)
    assert (told["amr"], told["acr"]) == (["pwd"], SINGLE)
    browser.set_up_app(user)
    assert claims(relying_party, relying_party.authorize().code)["acr"] == MULTI


@spec("OIDC Core", "2")
def test_a_password_reset_while_signed_in_tells_how_it_was_done(
    browser: Browser, user: EndUser
) -> None:
    relying_party = RelyingParty(make_client(first_party=True), browser, user)
    relying_party.authorize()
    page = browser.submit(browser.open("/account/password/reset/"), email=user.email)
    page = browser.submit(page, code=mailed_code(user.email))
    browser.submit(page, password1="another quiet boat on the river")
    told = claims(relying_party, relying_party.authorize().code)
    assert (told["amr"], told["acr"]) == (["otp"], SINGLE)
