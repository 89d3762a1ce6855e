"""Trusted browsers: not asked for the second factor for some days, where nothing requires it."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from accounts.models import Session, TrustedBrowser
from idp.models import Client, Event
from tests.passkeys import make_user_with_passkey, options_of
from tests.relying_party import (
    CODE_STEP,
    Browser,
    EndUser,
    RelyingParty,
    is_page,
    make_client,
    make_user_with_app,
    verified,
)

LOGIN, HOME, TRUSTED = "/account/login/", "/account/", "/account/two-steps/browsers/"
STEP_UP, PASSWORD = "/account/login/more/", "/account/password/"
SINGLE, MULTI = "urn:signet:acr:single-factor", "urn:signet:acr:multi-factor"
COOKIE = "signet-trusted-browser"


@pytest.fixture
def careful(provider: object) -> EndUser:
    """A user with an authenticator app."""
    return make_user_with_app()


def trust(browser: Browser, user: EndUser) -> None:
    """Sign in and have the browser trusted, then sign out."""
    assert user.app
    page = browser.type_password(user)
    page = browser.submit(page, code=user.app.code(), trust="on")
    assert is_page(page, HOME)
    sign_out(browser)


def sign_out(browser: Browser) -> None:
    browser.submit(browser.open("/account/logout/"), "confirm-logout")


def rows_of(user: EndUser) -> Any:
    return TrustedBrowser.objects.filter(user__email=user.email)


def test_the_second_step_is_not_asked_for_again(browser: Browser, careful: EndUser) -> None:
    trust(browser, careful)
    assert is_page(browser.type_password(careful), HOME)
    session = Session.objects.filter(user__email=careful.email).latest("created_at")
    assert [record["method"] for record in session.methods] == ["password"]
    cookie = next(each for each in browser.cookies.jar if each.name == COOKIE)
    assert cookie.has_nonstandard_attr("HttpOnly")
    assert cookie.value not in str(list(rows_of(careful).values()))
    event = Event.objects.get(kind=Event.Kind.BROWSER_TRUSTED, user__email=careful.email)
    assert event.details["user_agent"] == "Test"


def test_nothing_is_trusted_unless_it_is_ticked(browser: Browser, careful: EndUser) -> None:
    browser.sign_in(careful)
    sign_out(browser)
    assert is_page(browser.type_password(careful), CODE_STEP)
    assert not rows_of(careful).exists()


def test_a_passkey_as_the_second_step(browser: Browser) -> None:
    user = make_user_with_passkey()
    page = browser.type_password(user)
    assert "Don’t ask again on this device for 30 days" in page.text
    assert user.key
    credential = user.key.use(options_of(browser, CODE_STEP))
    form = {"credential": json.dumps(credential), "trust": "on"}
    form["csrfmiddlewaretoken"] = browser.cookies["signet-csrf"]
    browser.settle(browser.post(CODE_STEP, data=form, headers={"Origin": browser.issuer}))
    sign_out(browser)
    assert is_page(browser.type_password(user), HOME)


def test_it_ends_after_its_days(browser: Browser, careful: EndUser) -> None:
    trust(browser, careful)
    row = rows_of(careful).get()
    assert timedelta(days=29) < row.expires_at - timezone.now() <= timedelta(days=30)
    rows_of(careful).update(expires_at=timezone.now())
    assert is_page(browser.type_password(careful), CODE_STEP)


def test_it_is_listed_and_ended(browser: Browser, careful: EndUser) -> None:
    trust(browser, careful)
    with Browser() as elsewhere:
        trust(elsewhere, careful)
        browser.type_password(careful)
        page = browser.open(TRUSTED)
        assert "This browser" in page.text
        assert page.text.count("Trusted since") == 2
        here = rows_of(careful).order_by("created_at").first()
        there = rows_of(careful).exclude(pk=here.pk).get()
        form = {"end": there.pk, "csrfmiddlewaretoken": browser.cookies["signet-csrf"]}
        page = browser.settle(browser.post(TRUSTED, data=form, headers={"Origin": browser.issuer}))
        assert page.text.count("Trusted since") == 1
        assert is_page(elsewhere.type_password(careful), CODE_STEP)
    assert Event.objects.filter(kind=Event.Kind.TRUST_ENDED, user__email=careful.email).exists()


def test_signing_out_everywhere_else_keeps_this_browser_alone(
    browser: Browser, careful: EndUser
) -> None:
    with Browser() as elsewhere:
        trust(elsewhere, careful)
        trust(browser, careful)
        elsewhere.type_password(careful)
        browser.type_password(careful)
        form = {"end": "others", "csrfmiddlewaretoken": browser.cookies["signet-csrf"]}
        browser.post("/account/sessions/", data=form, headers={"Origin": browser.issuer})
        assert is_page(elsewhere.type_password(careful), CODE_STEP)
    sign_out(browser)
    assert is_page(browser.type_password(careful), HOME)


def test_several_accounts_trust_one_browser(browser: Browser, careful: EndUser) -> None:
    another = make_user_with_app()
    trust(browser, careful)
    trust(browser, another)
    for user in (careful, another):
        assert is_page(browser.type_password(user), HOME)
        sign_out(browser)


# --- Where more is required ---


def test_apps_are_told_of_one_factor(browser: Browser, careful: EndUser) -> None:
    trust(browser, careful)
    relying_party = RelyingParty(make_client(first_party=True), browser, careful)
    answer = relying_party.answer(browser.type_password(careful, relying_party.visit()))
    claims = verified(relying_party.exchange(answer.code).json()["id_token"])
    assert (claims["acr"], claims["amr"]) == (SINGLE, ["pwd"])


@pytest.mark.parametrize("how", ["required_acr", "acr_values", "essential"])
def test_an_app_that_asks_for_two_factors_gets_them(
    browser: Browser, careful: EndUser, how: str
) -> None:
    trust(browser, careful)
    relying_party = RelyingParty(make_client(first_party=True), browser, careful)
    asked: dict[str, str] = {}
    if how == "required_acr":
        client_id = relying_party.client.client_id
        Client.objects.filter(client_id=client_id).update(required_acr=MULTI)
    elif how == "acr_values":
        asked = {"acr_values": MULTI}
    else:
        acr = {"essential": True, "values": [MULTI]}
        asked = {"claims": json.dumps({"id_token": {"acr": acr}})}
    page = browser.type_password(careful, relying_party.visit(**asked))
    assert is_page(page, STEP_UP)
    assert careful.app
    answer = relying_party.answer(browser.submit(page, code=careful.app.code()))
    claims = verified(relying_party.exchange(answer.code).json()["id_token"])
    assert (claims["acr"], claims["amr"]) == (MULTI, ["mfa", "otp", "pwd"])


@pytest.mark.parametrize(
    "path", [PASSWORD, "/account/two-steps/app/", "/account/two-steps/passkeys/new/"]
)
def test_sensitive_pages_ask_for_it_once(browser: Browser, careful: EndUser, path: str) -> None:
    trust(browser, careful)
    browser.type_password(careful)
    page = browser.open(path)
    assert is_page(page, STEP_UP)
    assert careful.app
    assert is_page(browser.submit(page, code=careful.app.code()), path)


def test_renewing_the_sign_in_for_a_sensitive_page(browser: Browser, careful: EndUser) -> None:
    trust(browser, careful)
    browser.type_password(careful)
    Session.objects.filter(user__email=careful.email).update(
        authenticated_at=timezone.now() - timedelta(hours=1)
    )
    page = browser.open(PASSWORD)
    assert is_page(page, LOGIN)
    page = browser.type_password(careful, page)
    assert is_page(page, STEP_UP)
    assert careful.app
    assert is_page(browser.submit(page, code=careful.app.code()), PASSWORD)
