"""Signing out at a client's request: OIDC RP-Initiated Logout."""

import secrets
from urllib.parse import urlencode

import httpx
import pytest

from accounts.models import Session
from tests.relying_party import (
    ISSUER,
    Browser,
    EndUser,
    RelyingParty,
    is_error_page,
    is_page,
    make_client,
    make_user,
    spec,
    unique,
)

AFTER = "https://rp.example.com/signed-out?from=signet"


@pytest.fixture
def relying_party(browser: Browser, user: EndUser) -> RelyingParty:
    client = make_client(post_logout_redirect_uris=[AFTER], first_party=True)
    return RelyingParty(client, browser, user)


def end_session(browser: Browser, **parameters: str) -> httpx.Response:
    return browser.settle(browser.get("/end_session", params=parameters))


def is_signed_in(browser: Browser) -> bool:
    return is_page(browser.open("/account/"), "/account/")


@spec("OIDC RP-Initiated Logout", "2")
def test_a_hint_of_this_session_signs_out_without_a_question(relying_party: RelyingParty) -> None:
    tokens = relying_party.tokens()
    left = end_session(
        relying_party.browser,
        id_token_hint=tokens["id_token"],
        post_logout_redirect_uri=AFTER,
        state="a b&c=ü" * 20,
    )
    assert left.headers["Location"] == f"{AFTER}&{urlencode({'state': 'a b&c=ü' * 20})}"
    assert not is_signed_in(relying_party.browser)
    assert relying_party.userinfo(tokens["access_token"]).status_code == 401
    session = Session.objects.get(user__email=relying_party.user.email)
    assert session.ending == "signed-out"


def test_without_a_redirect_uri_there_is_a_page(relying_party: RelyingParty) -> None:
    page = end_session(relying_party.browser, id_token_hint=relying_party.tokens()["id_token"])
    assert is_page(page, "/account/signed-out/")


def test_an_expired_hint_serves_as_well(
    relying_party: RelyingParty, monkeypatch: pytest.MonkeyPatch
) -> None:
    from datetime import timedelta

    from django.utils import timezone

    from idp.models import Grant
    from idp.tokens import id_token

    relying_party.tokens()
    grant = Grant.objects.filter(user__email=relying_party.user.email).latest("id")
    long_ago = timezone.now() - timedelta(days=90)
    old = id_token.issue(grant.client, grant, grant.user.sub, secrets.token_urlsafe(32), long_ago)
    assert is_page(end_session(relying_party.browser, id_token_hint=old), "/account/signed-out/")


def test_post_works_too(relying_party: RelyingParty) -> None:
    hint = relying_party.tokens()["id_token"]
    browser = relying_party.browser
    response = browser.post(
        "/end_session", data={"id_token_hint": hint, "post_logout_redirect_uri": AFTER}
    )
    assert response.status_code in {302, 303}
    assert hint not in response.headers["Location"]
    assert browser.settle(response).headers["Location"] == AFTER
    assert not is_signed_in(browser)


def test_without_a_hint_one_clear_question_is_asked(relying_party: RelyingParty) -> None:
    relying_party.tokens()
    browser = relying_party.browser
    parameters = {
        "client_id": relying_party.client.client_id,
        "post_logout_redirect_uri": AFTER,
        "state": "xyz",
    }
    page = end_session(browser, **parameters)
    assert "Test app" in page.text
    assert relying_party.user.email in page.text
    assert "form-action 'self'" in page.headers["Content-Security-Policy"].split("; ")
    assert is_signed_in(browser)
    assert is_page(browser.submit(page, "stay"), "/account/")
    left = browser.submit(end_session(browser, **parameters), "confirm-logout")
    assert left.headers["Location"] == f"{AFTER}&state=xyz"
    assert not is_signed_in(browser)


def test_no_user_signed_in_just_goes_on(relying_party: RelyingParty) -> None:
    left = end_session(
        relying_party.browser,
        client_id=relying_party.client.client_id,
        post_logout_redirect_uri=AFTER,
    )
    assert left.headers["Location"] == AFTER


def test_a_hint_of_another_user_asks(relying_party: RelyingParty) -> None:
    with Browser() as elsewhere:
        other = RelyingParty(relying_party.client, elsewhere, make_user())
        hint = other.tokens()["id_token"]
        relying_party.tokens()
        page = end_session(relying_party.browser, id_token_hint=hint)
        assert "confirm-logout" in page.text
        assert is_signed_in(relying_party.browser)
        assert is_signed_in(elsewhere)


def test_a_hint_of_the_same_user_at_another_browser_asks(relying_party: RelyingParty) -> None:
    with Browser() as elsewhere:
        other = RelyingParty(relying_party.client, elsewhere, relying_party.user)
        hint = other.tokens()["id_token"]
        relying_party.tokens()
        page = end_session(relying_party.browser, id_token_hint=hint)
        assert "confirm-logout" in page.text


@pytest.mark.parametrize(
    "uri",
    [
        "https://evil.example/",
        AFTER + "&x=1",
        AFTER + "#x",
        AFTER.upper(),
        "https://rp.example.com/signed-out",
        "javascript:alert(1)",
    ],
)
def test_an_unregistered_redirect_uri_is_never_gone_to(
    relying_party: RelyingParty, uri: str
) -> None:
    hint = relying_party.tokens()["id_token"]
    page = end_session(relying_party.browser, id_token_hint=hint, post_logout_redirect_uri=uri)
    assert is_error_page(page)
    assert is_signed_in(relying_party.browser)


def test_a_redirect_uri_needs_to_say_whose(relying_party: RelyingParty) -> None:
    assert is_error_page(end_session(relying_party.browser, post_logout_redirect_uri=AFTER))


def test_a_hint_that_is_not_ours_or_another_clients_signs_no_user_out(
    relying_party: RelyingParty,
) -> None:
    tokens = relying_party.tokens()
    hint = tokens["id_token"]
    header, _, signature = hint.split(".")
    other = make_client(access_token_format="jwt", first_party=True)
    access_token = RelyingParty(other, relying_party.browser, relying_party.user).tokens()
    for parameters in (
        {"id_token_hint": "x"},
        {"id_token_hint": f"{header}.e30.{signature}"},
        {"id_token_hint": hint, "client_id": other.client_id},
        {"id_token_hint": access_token["access_token"]},
        {"client_id": unique("nobody")},
    ):
        assert is_error_page(end_session(relying_party.browser, **parameters)), parameters
    assert is_signed_in(relying_party.browser)


def test_the_answer_needs_the_forms_token_and_an_untouched_address(
    relying_party: RelyingParty,
) -> None:
    relying_party.tokens()
    browser = relying_party.browser
    browser.post("/end_session/confirm", data={"answer": "sign-out"})
    assert is_signed_in(browser)
    assert is_error_page(end_session(browser, request="made-up"))


def test_repeated_parameters_are_refused(relying_party: RelyingParty) -> None:
    page = relying_party.browser.get(f"{ISSUER}/end_session?state=1&state=2")
    assert is_error_page(page)


def test_the_question_comes_in_the_language_that_the_client_wishes(
    relying_party: RelyingParty,
) -> None:
    relying_party.tokens()
    page = end_session(relying_party.browser, ui_locales="xx de", logout_hint="whoever")
    assert '<html lang="de"' in page.text


def test_the_language_survives_a_post(relying_party: RelyingParty) -> None:
    relying_party.tokens()
    browser = relying_party.browser
    page = browser.settle(browser.post("/end_session", data={"ui_locales": "de"}))
    assert is_page(page, "/end_session")
    assert '<html lang="de"' in page.text
