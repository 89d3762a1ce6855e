"""Silence, and signing in or agreeing once more. OIDC Core §3.1.2.1, §3.1.2.3."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import Session
from tests.relying_party import (
    Browser,
    EndUser,
    RelyingParty,
    is_page,
    make_client,
    make_user,
    spec,
    verified,
)

LOGIN = "/account/login/"


def signed_in_an_hour_ago(user: EndUser) -> None:
    """Move the user's sign-in into the past."""
    Session.objects.filter(user__sub=user.sub).update(
        authenticated_at=timezone.now() - timedelta(hours=1)
    )


def id_token(relying_party: RelyingParty, code: str | None) -> dict[str, Any]:
    return verified(relying_party.exchange(code).json()["id_token"])


@spec("OIDC Core", "3.1.2.6")
def test_prompt_none_without_a_session(relying_party: RelyingParty) -> None:
    response = relying_party.browser.get(
        "/authorize", params=relying_party.parameters(prompt="none")
    )
    assert relying_party.answer(response).error == "login_required"


@spec("OIDC Core", "3.1.2.6")
def test_prompt_none_without_consent(relying_party: RelyingParty) -> None:
    relying_party.browser.sign_in(relying_party.user)
    assert relying_party.answer(relying_party.visit(prompt="none")).error == "consent_required"


@spec("OIDC Core", "3.1.2.6")
def test_prompt_none_with_a_scope_that_was_not_agreed_to(returning: RelyingParty) -> None:
    answer = returning.answer(returning.visit(prompt="none", scope="openid email"))
    assert answer.error == "consent_required"


@spec("OIDC Core", "3.1.2.6")
@pytest.mark.parametrize("max_age", ["0", "60"])
def test_prompt_none_with_a_sign_in_that_is_too_old(returning: RelyingParty, max_age: str) -> None:
    signed_in_an_hour_ago(returning.user)
    answer = returning.answer(returning.visit(prompt="none", max_age=max_age))
    assert answer.error == "login_required"


@spec("OIDC Core", "3.1.2.1")
def test_prompt_none_after_an_ordinary_sign_in_succeeds(returning: RelyingParty) -> None:
    answer = returning.answer(returning.visit(prompt="none"))
    assert id_token(returning, answer.code)["sub"] == returning.user.sub


@spec("OIDC Core", "3.1.2.1")
def test_prompt_none_succeeds_for_a_first_party_client_registered_a_moment_ago(
    returning: RelyingParty,
) -> None:
    client = make_client(first_party=True)
    newcomer = RelyingParty(client, returning.browser, returning.user)
    assert newcomer.answer(newcomer.visit(prompt="none")).code


@spec("OIDC Core", "3.1.2.1")
@pytest.mark.parametrize(
    "prompt", ["none login", "consent none", "none select_account", "none login consent"]
)
def test_prompt_none_stands_alone(returning: RelyingParty, prompt: str) -> None:
    assert returning.answer(returning.visit(prompt=prompt)).error == "invalid_request"


@spec("OIDC Core", "3.1.2.1")
@pytest.mark.parametrize("prompt", ["login", "select_account", "login login", "login consent"])
def test_prompt_login_shows_the_page_to_users_who_are_signed_in(
    returning: RelyingParty, prompt: str
) -> None:
    assert is_page(returning.visit(prompt=prompt), LOGIN)


@spec("OIDC Core", "3.1.2.1")
@pytest.mark.parametrize("asked", [{"prompt": "login"}, {"max_age": "0"}], ids=str)
def test_signing_in_once_more_is_enough(returning: RelyingParty, asked: dict[str, str]) -> None:
    signed_in_an_hour_ago(returning.user)
    before = id_token(returning, returning.answer(returning.visit()).code)
    answer = returning.browser.sign_in(returning.user, returning.visit(**asked))
    after = id_token(returning, returning.answer(answer).code)
    assert after["auth_time"] - before["auth_time"] >= 3600
    assert after["sid"] == before["sid"]


@spec("OIDC Core", "3.1.2.1")
def test_a_wrong_password_does_not_satisfy_prompt_login(returning: RelyingParty) -> None:
    page = returning.visit(prompt="login")
    page = returning.browser.submit(page, login=returning.user.email, password="wrong password")
    assert is_page(page, LOGIN)
    assert returning.answer(returning.browser.sign_in(returning.user, page)).code


@spec("OIDC Core", "3.1.2.1")
def test_another_user_may_sign_in_when_asked_once_more(returning: RelyingParty) -> None:
    other = make_user()
    page = returning.browser.sign_in(other, returning.visit(prompt="select_account"))
    answer = returning.go_on(page)
    assert id_token(returning, answer.code)["sub"] == other.sub


@spec("OIDC Core", "3.1.2.1")
def test_an_old_sign_in_is_renewed_where_max_age_says_so(returning: RelyingParty) -> None:
    signed_in_an_hour_ago(returning.user)
    assert returning.answer(returning.visit(max_age="7200")).code
    assert is_page(returning.visit(max_age="3599"), LOGIN)


@spec("OIDC Dynamic Client Registration", "2")
def test_default_max_age_holds_where_the_request_says_nothing(
    browser: Browser, user: EndUser
) -> None:
    relying_party = RelyingParty(make_client(default_max_age=60), browser, user)
    relying_party.authorize()
    signed_in_an_hour_ago(user)
    assert is_page(relying_party.visit(), LOGIN)
    assert relying_party.answer(relying_party.visit(max_age="7200")).code


@spec("OIDC Core", "2")
def test_auth_time_is_when_the_user_signed_in_also_for_later_clients(
    returning: RelyingParty,
) -> None:
    signed_in_an_hour_ago(returning.user)
    first = id_token(returning, returning.answer(returning.visit()).code)
    other = RelyingParty(make_client(), returning.browser, returning.user)
    second = id_token(other, other.authorize().code)
    assert first["auth_time"] == second["auth_time"] <= second["iat"] - 3600


@spec("OIDC Core", "3.1.2.1")
def test_prompt_consent_asks_again_each_time(returning: RelyingParty) -> None:
    for _ in range(2):
        page = returning.visit(prompt="consent")
        assert is_page(page, "/consent")
        assert returning.answer(returning.browser.submit(page, "allow")).code


@spec("OIDC Core", "3.1.2.1")
def test_prompt_consent_asks_for_a_first_party_client_too(browser: Browser, user: EndUser) -> None:
    relying_party = RelyingParty(make_client(first_party=True), browser, user)
    page = browser.sign_in(user, relying_party.visit(prompt="consent"))
    assert is_page(page, "/consent")


@spec("OIDC Core", "3.1.2.1")
def test_prompts_may_be_combined(returning: RelyingParty) -> None:
    page = returning.visit(prompt="login consent")
    page = returning.browser.sign_in(returning.user, page)
    assert is_page(page, "/consent")
    assert returning.answer(returning.browser.submit(page, "allow")).code


@spec("OIDC Core", "3.1.2.1")
@pytest.mark.parametrize("prompt", ["CREATE", "LOGIN", "bogus", "login bogus"])
def test_a_prompt_that_is_not_offered_is_refused(relying_party: RelyingParty, prompt: str) -> None:
    assert relying_party.answer(relying_party.visit(prompt=prompt)).error == "invalid_request"


@spec("OIDC Core", "3.1.2.1")
def test_a_hint_for_the_user_who_is_here_succeeds_silently(returning: RelyingParty) -> None:
    hint = returning.exchange(returning.answer(returning.visit()).code).json()["id_token"]
    assert returning.answer(returning.visit(prompt="none", id_token_hint=hint)).code


@spec("OIDC Core", "3.1.2.1")
@pytest.mark.parametrize("prompt", [None, "none", "consent"])
def test_a_hint_for_another_user_needs_their_sign_in(
    returning: RelyingParty, prompt: str | None
) -> None:
    hint = returning.exchange(returning.answer(returning.visit()).code).json()["id_token"]
    with Browser() as elsewhere:
        other = RelyingParty(returning.client, elsewhere, make_user())
        other.authorize()
        answer = other.answer(other.visit(prompt=prompt, id_token_hint=hint))
    assert answer.error == "login_required"


@spec("OIDC Core", "3.1.2.1")
def test_a_hint_holds_for_whoever_signs_in(returning: RelyingParty) -> None:
    hint = returning.exchange(returning.answer(returning.visit()).code).json()["id_token"]
    with Browser() as elsewhere:
        other = RelyingParty(returning.client, elsewhere, make_user())
        assert other.authorize(id_token_hint=hint).error == "login_required"
    with Browser() as elsewhere:
        same = RelyingParty(returning.client, elsewhere, returning.user)
        assert same.authorize(id_token_hint=hint).code
