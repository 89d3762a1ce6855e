"""Agreeing: what is asked, what is remembered, and saying no. OIDC Core §3.1.2.4."""

from datetime import timedelta

import pytest
from django.utils import timezone

from idp.models import Consent
from tests.relying_party import (
    Browser,
    EndUser,
    RelyingParty,
    forms_of,
    is_page,
    make_client,
    make_user,
    spec,
)


@spec("OIDC Core", "3.1.2.4")
def test_the_page_shows_who_asks_for_what(browser: Browser, user: EndUser) -> None:
    relying_party = RelyingParty(make_client(client_name="Bäckerei"), browser, user)
    scope = "openid profile email address phone"
    page = browser.sign_in(user, relying_party.visit(scope=scope))
    assert is_page(page, "/consent")
    shown = ["Bäckerei", "rp.example.com", user.email, "Ana Lima", "Rua do Ouro", "21 000 0000"]
    assert [text for text in shown if text not in page.text] == []


@spec("OIDC Core", "3.1.2.4")
def test_the_page_shows_nothing_that_is_not_asked_for(browser: Browser, user: EndUser) -> None:
    relying_party = RelyingParty(make_client(), browser, user)
    page = browser.sign_in(user, relying_party.visit(scope="openid"))
    hidden = ["Ana Lima", "Rua do Ouro", "21 000 0000"]
    assert [text for text in hidden if text in page.text] == []


@spec("OIDC Core", "3.1.2.4")
def test_consent_is_asked_once(relying_party: RelyingParty) -> None:
    page = relying_party.browser.sign_in(relying_party.user, relying_party.visit())
    assert is_page(page, "/consent")
    assert relying_party.answer(relying_party.browser.submit(page, "allow")).code
    assert relying_party.answer(relying_party.visit()).code


@spec("OIDC Core", "3.1.2.4")
def test_more_scopes_are_asked_for_and_fewer_are_not(relying_party: RelyingParty) -> None:
    relying_party.authorize(scope="openid email")
    assert relying_party.answer(relying_party.visit(scope="openid")).code
    assert is_page(relying_party.visit(scope="openid phone"), "/consent")
    relying_party.authorize(scope="openid phone")
    assert relying_party.answer(relying_party.visit(scope="openid email phone")).code


@spec("RFC 6749", "4.1.2.1")
def test_saying_no_goes_back_with_access_denied(relying_party: RelyingParty) -> None:
    page = relying_party.browser.sign_in(relying_party.user, relying_party.visit())
    answer = relying_party.answer(relying_party.browser.submit(page, "deny"))
    assert answer.error == "access_denied"
    assert answer.state == relying_party.state
    assert answer.code is None
    assert is_page(relying_party.visit(), "/consent")


@spec("OIDC Core", "3.1.2.4")
@pytest.mark.parametrize("answer", ["", "yes", "ALLOW", "deny"])
def test_only_allow_is_a_yes(relying_party: RelyingParty, answer: str) -> None:
    page = relying_party.browser.sign_in(relying_party.user, relying_party.visit())
    token = next(form.fields for form in forms_of(page) if "allow" in form.buttons)
    sent = relying_party.browser.post(str(page.url), data={**token, "answer": answer})
    assert relying_party.answer(sent).error == "access_denied"


@spec("OIDC Core", "3.1.2.4")
def test_a_first_party_client_does_not_ask(browser: Browser, user: EndUser) -> None:
    relying_party = RelyingParty(make_client(first_party=True), browser, user)
    page = relying_party.visit(scope="openid profile email")
    assert relying_party.answer(browser.sign_in(user, page)).code


@spec("OIDC Core", "3.1.2.4")
def test_consent_is_one_users_to_one_client(returning: RelyingParty) -> None:
    other_client = RelyingParty(make_client(), returning.browser, returning.user)
    assert is_page(other_client.visit(), "/consent")
    with Browser() as elsewhere:
        other_user = RelyingParty(returning.client, elsewhere, make_user())
        elsewhere.sign_in(other_user.user)
        assert is_page(other_user.visit(), "/consent")


@spec("OIDC Core", "3.1.2.4")
def test_consent_holds_at_a_users_other_devices(returning: RelyingParty) -> None:
    with Browser() as elsewhere:
        elsewhere.sign_in(returning.user)
        same = RelyingParty(returning.client, elsewhere, returning.user)
        assert same.answer(same.visit()).code


@spec("OIDC Core", "3.1.2.4")
def test_consent_that_has_expired_is_asked_for_again(returning: RelyingParty) -> None:
    Consent.objects.filter(user__sub=returning.user.sub).update(
        expires_at=timezone.now() - timedelta(seconds=1)
    )
    assert is_page(returning.visit(), "/consent")


@spec("OIDC Core", "3.1.2.4")
def test_without_a_request_there_is_no_page(browser: Browser, user: EndUser) -> None:
    browser.sign_in(user)
    assert browser.open("/consent").status_code == 400
    assert browser.open("/consent?interaction=" + "x" * 43).status_code == 400
