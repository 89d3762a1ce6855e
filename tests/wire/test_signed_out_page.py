"""The page after a sign-out: the other devices, the way back, and what apps say meanwhile."""

import re

import httpx
import pytest

from accounts.models import Session
from idp.models import Delivery
from tests.relying_party import Browser, EndUser, RelyingParty, is_page, make_client, make_user

RELOAD = re.compile(r'<noscript><meta http-equiv="refresh" content="3;url=([^"]+)"></noscript>')


def sign_out(browser: Browser) -> httpx.Response:
    return browser.submit(browser.open("/account/logout/"), "confirm-logout")


@pytest.fixture
def told(browser: Browser, user: EndUser) -> RelyingParty:
    """An app that is notified, by a worker that does not run."""
    client = make_client(
        client_name="Bakery",
        client_uri="https://rp.example.com/shop",
        backchannel_logout_uri="https://rp.example.com/signed-out",
    )
    relying_party = RelyingParty(client, browser, user)
    relying_party.tokens()
    return relying_party


def test_signing_out_everywhere_ends_the_other_sessions(browser: Browser, user: EndUser) -> None:
    with Browser() as elsewhere, Browser() as of_another:
        browser.sign_in(user)
        elsewhere.sign_in(user)
        of_another.sign_in(make_user())
        page = sign_out(browser)
        assert "You are still signed in on 1 other device." in page.text
        assert is_page(elsewhere.open("/account/"), "/account/")
        page = browser.submit(page, "sign-out-everywhere")
        assert "You are signed out everywhere." in page.text
        assert "still signed in" not in page.text
        assert not is_page(elsewhere.open("/account/"), "/account/")
        assert is_page(of_another.open("/account/"), "/account/")
    ended = Session.objects.filter(user__email=user.email).order_by("created_at")
    assert [session.ending for session in ended] == ["signed-out", "signed-out-elsewhere"]


@pytest.mark.parametrize("note", ["", "?of=forged", "?of=forged:note:here"])
def test_without_a_sign_out_here_no_session_ends(
    browser: Browser, user: EndUser, note: str
) -> None:
    with Browser() as elsewhere:
        elsewhere.sign_in(user)
        browser.sign_in(make_user())
        page = sign_out(browser)
        token = browser.cookies["signet-csrf"]
        data = {"csrfmiddlewaretoken": token}
        headers = {"Referer": str(page.url)}
        browser.post(f"/account/signed-out/{note}", data=data, headers=headers)
        assert is_page(elsewhere.open("/account/"), "/account/")


def test_another_site_cannot_sign_out_everywhere(browser: Browser, user: EndUser) -> None:
    with Browser() as elsewhere:
        elsewhere.sign_in(user)
        browser.sign_in(user)
        page = sign_out(browser)
        headers = {"Origin": "https://evil.example"}
        browser.post(str(page.url), headers=headers)
        assert is_page(elsewhere.open("/account/"), "/account/")


def test_the_page_loads_itself_again_while_an_app_is_told(told: RelyingParty) -> None:
    """Without script, and not forever: a reader of the page is not interrupted."""
    page = sign_out(told.browser)
    assert "Is being told." in page.text
    assert 'href="https://rp.example.com/shop"' in page.text
    assert "Back to <bdi>Bakery</bdi>" in page.text
    loads = 0
    while found := RELOAD.search(page.text):
        page = told.browser.open(found[1].replace("&amp;", "&"))
        loads += 1
        assert loads < 10
    assert loads == 5
    assert "Is being told." in page.text


def test_the_page_stays_once_the_app_has_answered(told: RelyingParty) -> None:
    page = sign_out(told.browser)
    Delivery.objects.filter(session__user__email=told.user.email).update(state="delivered")
    page = told.browser.open(str(page.url))
    assert "Has been told, and answered." in page.text
    assert not RELOAD.search(page.text)
    assert "data-pending" not in page.text
