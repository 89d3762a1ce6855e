"""Levels of authentication: wished for, required, essential. OIDC Core §2, §3.1.2.1, RFC 9470."""

import json
from typing import Any

import pytest

from accounts.models import Session
from idp.models import Client
from tests.relying_party import (
    CODE_STEP,
    SET_UP,
    Browser,
    EndUser,
    RelyingParty,
    is_page,
    make_client,
    make_user_with_app,
    spec,
    verified,
)

SINGLE, MULTI = "urn:signet:acr:single-factor", "urn:signet:acr:multi-factor"
LOGIN, STEP_UP, OVERVIEW = "/account/login/", "/account/login/more/", "/account/two-steps/"


@pytest.fixture
def once_simple(browser: Browser, user: EndUser) -> RelyingParty:
    """A website; its user came by password here and set up an app at another browser since."""
    relying_party = RelyingParty(make_client(first_party=True), browser, user)
    relying_party.authorize()
    with Browser() as elsewhere:
        elsewhere.sign_in(user)
        elsewhere.set_up_app(user)
    return relying_party


def told(relying_party: RelyingParty, code: str | None) -> dict[str, Any]:
    return verified(relying_party.exchange(code).json()["id_token"])


def essential(*levels: str) -> str:
    return json.dumps({"id_token": {"acr": {"essential": True, "values": levels}}})


def require(relying_party: RelyingParty, level: str) -> None:
    client = Client.objects.get(client_id=relying_party.client.client_id)
    client.required_acr = level
    client.save()


# --- a wish ---


@spec("OIDC Core", "3.1.2.1")
def test_a_wish_is_asked_for_where_the_user_can_meet_it(once_simple: RelyingParty) -> None:
    before = told(once_simple, once_simple.answer(once_simple.visit()).code)
    page = once_simple.visit(acr_values=MULTI)
    assert is_page(page, STEP_UP)
    assert "Test app" in page.text
    page = once_simple.browser.submit(page, code=once_simple.user.app.code())
    after = told(once_simple, once_simple.answer(page).code)
    assert (before["acr"], after["acr"]) == (SINGLE, MULTI)
    assert after["amr"] == ["mfa", "otp", "pwd"]
    assert (after["auth_time"], after["sid"]) == (before["auth_time"], before["sid"])
    assert once_simple.answer(once_simple.visit(acr_values=MULTI)).code


@spec("OIDC Core", "3.1.2.1")
def test_a_wish_that_cannot_be_met_stops_nobody_and_the_truth_is_told(
    relying_party: RelyingParty,
) -> None:
    assert told(relying_party, relying_party.authorize(acr_values=MULTI).code)["acr"] == SINGLE
    again = relying_party.answer(relying_party.visit(acr_values=f"urn:x {MULTI}"))
    assert told(relying_party, again.code)["acr"] == SINGLE


@spec("OIDC Core", "3.1.2.1")
def test_a_wish_and_silence(once_simple: RelyingParty) -> None:
    answer = once_simple.answer(once_simple.visit(acr_values=MULTI, prompt="none"))
    assert told(once_simple, answer.code)["acr"] == SINGLE


@spec("OIDC Core", "3.1.2.1")
@pytest.mark.parametrize("asked", [f"{SINGLE} {MULTI}", f"{MULTI} {SINGLE}"])
def test_any_of_several_wishes_will_do(once_simple: RelyingParty, asked: str) -> None:
    answer = once_simple.answer(once_simple.visit(acr_values=asked))
    assert told(once_simple, answer.code)["acr"] == SINGLE


@spec("OIDC Dynamic Client Registration", "2")
def test_a_client_can_wish_once_for_all(once_simple: RelyingParty) -> None:
    client = Client.objects.get(client_id=once_simple.client.client_id)
    client.default_acr_values = [MULTI]
    client.save()
    assert is_page(once_simple.visit(), STEP_UP)
    assert once_simple.answer(once_simple.visit(acr_values=SINGLE)).code


@spec("OIDC Core", "3.1.2.1")
def test_a_stale_sign_in_takes_both_steps_at_once(once_simple: RelyingParty) -> None:
    page = once_simple.visit(acr_values=MULTI, max_age="0")
    assert is_page(page, LOGIN)
    page = once_simple.browser.type_password(once_simple.user, page)
    assert is_page(page, CODE_STEP)
    page = once_simple.browser.submit(page, code=once_simple.user.app.code())
    assert told(once_simple, once_simple.answer(page).code)["acr"] == MULTI


# --- essential ---


@spec("OIDC Core", "5.5.1.1")
def test_an_essential_level_is_asked_for_and_reached(once_simple: RelyingParty) -> None:
    page = once_simple.visit(claims=essential("urn:x", MULTI))
    assert is_page(page, STEP_UP)
    page = once_simple.browser.submit(page, code=once_simple.user.app.code())
    assert told(once_simple, once_simple.answer(page).code)["acr"] == MULTI


@spec("OIDC Core", "5.5.1.1")
@pytest.mark.parametrize("levels", [["urn:x"], [MULTI]])
def test_an_essential_level_that_cannot_be_reached_is_an_error(
    relying_party: RelyingParty, levels: list[str]
) -> None:
    answer = relying_party.authorize(claims=essential(*levels))
    assert answer.error == "unmet_authentication_requirements"


# --- the operator's requirement ---


@spec("OIDC Core", "3.1.2.3")
def test_whoever_lacks_what_is_required_sets_it_up_and_goes_on(
    relying_party: RelyingParty,
) -> None:
    require(relying_party, MULTI)
    browser, user = relying_party.browser, relying_party.user
    page = browser.sign_in(user, relying_party.visit())
    assert is_page(page, OVERVIEW)
    assert "asks for a second step" in page.text
    page = browser.set_up_app(user, browser.open(SET_UP, next=page.url.params["next"]))
    onward = page.url.params["next"]
    page = browser.open(onward)
    assert is_page(page, "/consent")
    answer = relying_party.answer(browser.submit(page, "allow"))
    assert told(relying_party, answer.code)["acr"] == MULTI


@spec("OIDC Core", "3.1.2.6")
def test_a_requirement_and_silence(once_simple: RelyingParty) -> None:
    require(once_simple, MULTI)
    answer = once_simple.answer(once_simple.visit(prompt="none"))
    assert answer.error == "interaction_required"
    assert answer.state == once_simple.state


@spec("OIDC Core", "3.1.2.3")
def test_less_is_not_told_than_is_required(once_simple: RelyingParty) -> None:
    require(once_simple, MULTI)
    page = once_simple.visit(acr_values=SINGLE)
    page = once_simple.browser.submit(page, code=once_simple.user.app.code())
    assert told(once_simple, once_simple.answer(page).code)["acr"] == MULTI


# --- RFC 9470 ---


@spec("RFC 9470", "3")
def test_userinfo_refuses_a_token_of_a_weaker_sign_in(once_simple: RelyingParty) -> None:
    weak = once_simple.tokens()["access_token"]
    assert once_simple.userinfo(weak).status_code == 200
    require(once_simple, MULTI)
    refused = once_simple.userinfo(weak)
    challenge = refused.headers["WWW-Authenticate"]
    assert refused.status_code == 401
    assert 'error="insufficient_user_authentication"' in challenge
    assert f'acr_values="{MULTI}"' in challenge
    page = once_simple.visit(acr_values=MULTI)
    page = once_simple.browser.submit(page, code=once_simple.user.app.code())
    strong = once_simple.exchange(once_simple.answer(page).code).json()["access_token"]
    assert once_simple.userinfo(strong).status_code == 200


# --- attacks ---


@spec("OIDC Core", "3.1.2.3")
def test_no_address_leads_past_a_requirement(once_simple: RelyingParty) -> None:
    require(once_simple, MULTI)
    page = once_simple.visit()
    assert is_page(page, STEP_UP)
    onward = page.url.params["next"]
    for _ in range(2):
        assert is_page(once_simple.browser.open(onward), STEP_UP)
    assert is_page(once_simple.browser.open(f"{onward}&acr={MULTI}&fresh=1"), STEP_UP)
    wrong = once_simple.browser.submit(page, code=once_simple.user.app.wrong_code())
    assert is_page(wrong, STEP_UP)
    assert is_page(once_simple.browser.open(onward), STEP_UP)


@spec("OIDC Core", "3.1.2.3")
def test_anothers_code_is_none(once_simple: RelyingParty) -> None:
    require(once_simple, MULTI)
    other = make_user_with_app()
    page = once_simple.browser.submit(once_simple.visit(), code=other.app.code())
    assert is_page(page, STEP_UP)
    session = Session.objects.filter(user__sub=once_simple.user.sub).order_by("created_at")[0]
    assert [record["method"] for record in session.methods] == ["password"]


@spec("OIDC Core", "3.1.2.3")
def test_no_user_signed_in_sees_the_sign_in_page(browser: Browser) -> None:
    assert is_page(browser.open(STEP_UP), LOGIN)
