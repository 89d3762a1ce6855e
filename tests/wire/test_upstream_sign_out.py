"""Signing out at the upstream, too, where a session began. OIDC RP-Initiated Logout §2, §3."""

import re
from html import unescape
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import httpx
import pytest
from django.core import signing

from accounts.models import Session, UpstreamSession
from tests.elsewhere import Elsewhere
from tests.relying_party import (
    ISSUER,
    Browser,
    RelyingParty,
    gone_on,
    is_error_page,
    is_page,
    make_client,
    spec,
    unique,
)
from tests.upstreams import FakeUpstream

AFTER = "https://rp.example.com/signed-out"
SIGNED_OUT = "/account/signed-out/"
END = "https://login.example/end?tenant=1"


@pytest.fixture
def upstream(provider: object, foreign_site: Elsewhere) -> FakeUpstream:
    return FakeUpstream(foreign_site, {"trusts_email": True}, {"end_session_endpoint": END})


def sign_out(browser: Browser) -> httpx.Response:
    return browser.submit(browser.open("/account/logout/"), "confirm-logout")


def way_on(page: httpx.Response, upstream: FakeUpstream) -> str:
    """Return where the button of an upstream leads."""
    found = re.search(rf'href="(/account/upstream/{upstream.row.slug}/sign-out[^"]*)"', page.text)
    return unescape(found[1]) if found else ""


def note_on(page: httpx.Response, upstream: FakeUpstream) -> str:
    """Return the signed note of an upstream's button."""
    return parse_qs(urlsplit(way_on(page, upstream)).query)["of"][0]


def asked_there(browser: Browser, way: str) -> dict[str, str]:
    """Go to an upstream, and return what it is asked with."""
    target = gone_on(browser.settle(browser.get(way))).headers["Location"]
    assert target.startswith(f"{END}&")
    return dict(parse_qsl(urlsplit(target).query))


def come_back(browser: Browser, asked: dict[str, str]) -> httpx.Response:
    path = asked["post_logout_redirect_uri"].removeprefix(ISSUER)
    return browser.settle(browser.get(path, params={"state": asked["state"]}))


def app_of(browser: Browser) -> RelyingParty:
    """Return an app that the browser's user, who is signed in, uses."""
    client = make_client(post_logout_redirect_uris=[AFTER], first_party=True)
    return RelyingParty(client, browser, None)  # type: ignore[arg-type]


def leave(app: RelyingParty) -> httpx.Response:
    """Let an app sign its user out, and take them back."""
    token = app.exchange(app.answer(app.visit()).code).json()["id_token"]
    sent = {"id_token_hint": token, "post_logout_redirect_uri": AFTER, "state": "its state"}
    return app.browser.settle(app.browser.get("/end_session", params=sent))


@spec("OIDC RP-Initiated Logout", "2")
def test_who_came_from_an_upstream_is_offered_to_sign_out_there(
    browser: Browser, upstream: FakeUpstream
) -> None:
    asked = upstream.begin(browser)
    token = upstream.issuer.token(upstream.subject, **upstream.claims(asked, sid="there"))
    upstream.grants(token)
    upstream.come_back(browser, asked)
    page = sign_out(browser)
    assert f"Also sign out at <bdi>{upstream.row.name}</bdi>" in page.text
    asked = asked_there(browser, way_on(page, upstream))
    assert asked.pop("state")
    assert asked == {
        "tenant": "1",
        "id_token_hint": token,
        "client_id": "our client",
        "post_logout_redirect_uri": f"{ISSUER}/account/upstream/{upstream.row.slug}/signed-out",
        "ui_locales": "en",
    }
    # The button can be pressed again until the browser comes back, and what was known then goes.
    asked = asked_there(browser, way_on(page, upstream))
    with Browser() as another:
        assert "You have been signed out at" not in come_back(another, asked).text
    page = come_back(browser, asked)
    assert is_page(page, SIGNED_OUT)
    assert f"You have been signed out at {upstream.row.name}, too." in page.text
    assert way_on(page, upstream) == ""
    assert not UpstreamSession.objects.filter(upstream=upstream.row).exists()
    assert "You have been signed out at" not in come_back(browser, asked).text


def test_an_app_gets_its_user_back_in_the_end(browser: Browser, upstream: FakeUpstream) -> None:
    after = f"{AFTER}?{urlencode({'state': 'its state'})}"
    upstream.sign_in(browser)
    page = leave(app_of(browser))
    assert f'href="{after}"' in page.text
    assert "http-equiv" not in page.text  # it waits for the user
    asked = asked_there(browser, way_on(page, upstream))
    assert come_back(browser, asked).headers["Location"] == after
    # An operator lets it happen by itself, once, or not at all.
    upstream.row.sign_out_there = "always"
    upstream.row.save()
    upstream.sign_in(browser)
    left = leave(app_of(browser)).headers["Location"]
    assert left.startswith(f"{END}&")
    asked = dict(parse_qsl(urlsplit(left).query))
    assert come_back(browser, asked).headers["Location"] == after
    upstream.sign_in(browser)
    page = gone_on(sign_out(browser))
    assert page.headers["Location"].startswith(f"{END}&")
    # Whoever goes back instead of coming back is not sent there again.
    ended = Session.objects.filter(user__email=upstream.email).latest("created_at")
    note = signing.dumps([ended.pk], salt="accounts.signed_out")
    assert is_page(browser.open(SIGNED_OUT, of=note), SIGNED_OUT)
    upstream.row.sign_out_there = "never"
    upstream.row.save()
    upstream.sign_in(browser)
    assert leave(app_of(browser)).headers["Location"] == after


def test_it_is_offered_only_where_it_can_be_done(
    browser: Browser, upstream: FakeUpstream, foreign_site: Elsewhere
) -> None:
    without = FakeUpstream(foreign_site, {"trusts_email": True})
    without.sign_in(browser)
    assert "Also sign out" not in sign_out(browser).text
    unsafe = {"end_session_endpoint": "javascript:alert(1)"}
    odd = FakeUpstream(foreign_site, {"trusts_email": True}, unsafe)
    odd.sign_in(browser)
    page = sign_out(browser)
    assert "Also sign out" not in page.text
    assert "javascript:" not in page.text
    # An ID token that is too long for an address is left out, and the rest works.
    upstream.sign_in(browser, groups=["x" * 90] * 90)
    asked = asked_there(browser, way_on(sign_out(browser), upstream))
    assert "id_token_hint" not in asked
    # Disabled in the meantime.
    upstream.sign_in(browser)
    page = sign_out(browser)
    upstream.row.enabled = False
    upstream.row.save()
    assert is_page(browser.open(way_on(page, upstream)), SIGNED_OUT)


@spec("RFC 9700", "4.11")
def test_it_leads_nobody_astray(browser: Browser, upstream: FakeUpstream) -> None:
    """No address of it is an open redirect, and none tells what a session is about."""
    slug = upstream.row.slug
    upstream.sign_in(browser)
    ended = Session.objects.filter(user__email=upstream.email).latest("created_at").pk
    note = note_on(sign_out(browser), upstream)
    upstream.sign_in(browser)
    living = Session.objects.filter(user__email=upstream.email).latest("created_at").pk
    begin, finish = (f"/account/upstream/{slug}/{end}" for end in ("sign-out", "signed-out"))
    with Browser() as stranger:
        for forged in (
            *("", "x", f"{note}x", signing.dumps([ended], salt="accounts.other")),
            signing.dumps([living], salt="accounts.signed_out"),  # it has not ended
        ):
            assert is_page(stranger.open(begin, of=forged), SIGNED_OUT), forged
        for target in ("https://evil.example/", "/\\evil.example"):
            assert is_page(stranger.open(begin, next=target), SIGNED_OUT)
            upstream.sign_in(browser)
            query = urlencode({"of": note_on(sign_out(browser), upstream), "next": target})
            asked = asked_there(stranger, f"{begin}?{query}")
            assert is_page(come_back(stranger, asked), SIGNED_OUT), target
        # What was begun for the one is no answer to the other, nor to another upstream.
        asked = asked_there(stranger, f"{begin}?{urlencode({'of': note})}")
        callback = f"/account/upstream/{slug}/callback"
        refused = stranger.get(callback, params={"state": asked["state"], "code": "a-code"})
        assert refused.status_code == 400
        state = upstream.begin(stranger)["state"]
        assert "You have been" not in stranger.open(finish, state=state).text
        for odd in ("", "x", "ü" * 500):
            assert is_page(stranger.open(finish, state=odd), SIGNED_OUT)
        nowhere = f"/account/upstream/{unique('none')}"
        assert is_page(stranger.open(f"{nowhere}/sign-out", of=note), SIGNED_OUT)
        assert is_page(stranger.open(f"{nowhere}/signed-out", state=state), SIGNED_OUT)
    # Whoever is signed in again stays so.
    upstream.sign_in(browser)
    assert browser.open(begin, of=note).url.path == "/account/"


def test_an_apps_address_is_verified_again_on_the_way_back(
    browser: Browser, upstream: FakeUpstream
) -> None:
    from idp.models import Client

    upstream.sign_in(browser)
    app = app_of(browser)
    asked = asked_there(browser, way_on(leave(app), upstream))
    row = Client.objects.get(client_id=app.client.client_id)
    row.post_logout_redirect_uris = ""
    row.save()
    assert is_error_page(come_back(browser, asked))
