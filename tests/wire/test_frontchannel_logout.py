"""Apps are told of a sign-out in the user's browser, and the page says so.

OIDC Front-Channel Logout.
"""

import re
from html import unescape
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from django.core import signing
from django.core.management import call_command

from accounts.models import Session
from tests.elsewhere import Elsewhere
from tests.relying_party import (
    ISSUER,
    Browser,
    EndUser,
    RelyingParty,
    is_page,
    make_client,
    spec,
    unique,
    verified,
)

AFTER = "https://rp.example.com/signed-out"
LOADED = "https://rp.example.com/loaded?from=signet"


def site(browser: Browser, user: EndUser, name: str, **metadata: str) -> RelyingParty:
    client = make_client(
        client_name=name, first_party=True, post_logout_redirect_uris=[AFTER], **metadata
    )
    return RelyingParty(client, browser, user)


@pytest.fixture
def florist(browser: Browser, user: EndUser) -> RelyingParty:
    """A site with a page for the browser to load, `user` signed in to it."""
    florist = site(browser, user, "Florist", frontchannel_logout_uri=LOADED)
    florist.sid = verified(florist.tokens()["id_token"])["sid"]  # type: ignore[attr-defined]
    return florist


def frames_of(page: httpx.Response) -> list[str]:
    return [unescape(source) for source in re.findall(r'<iframe[^>]* src="([^"]+)"', page.text)]


def sign_out(browser: Browser) -> httpx.Response:
    return browser.submit(browser.open("/account/logout/"))


@spec("OIDC Front-Channel Logout", "2")
def test_the_browser_loads_the_page_of_each_app_with_iss_and_sid(florist: RelyingParty) -> None:
    page = sign_out(florist.browser)
    assert is_page(page, "/account/signed-out/")
    [frame] = frames_of(page)
    query = parse_qs(urlsplit(frame).query)
    assert query == {"from": ["signet"], "iss": [ISSUER], "sid": [florist.sid]}
    assert "frame-src https://rp.example.com;" in page.headers["Content-Security-Policy"] + ";"
    assert "frame-ancestors 'none'" in page.headers["Content-Security-Policy"]


def test_frames_are_few(browser: Browser, user: EndUser) -> None:
    for number in range(32):
        site(browser, user, f"App {number}", frontchannel_logout_uri=LOADED).tokens()
    page = sign_out(browser)
    assert len(frames_of(page)) == 30
    assert page.text.count('sandbox="allow-scripts allow-same-origin"') == 30
    assert page.text.count('referrerpolicy="no-referrer"') == 30
    assert page.text.count("Is being told by this browser.") == 30
    assert page.text.count("Can’t be told. Sign out there, too.") == 2


@spec("OIDC Front-Channel Logout", "3")
def test_on_the_way_to_the_client_the_others_are_told_first(
    florist: RelyingParty, browser: Browser, user: EndUser
) -> None:
    baker = site(browser, user, "Baker")
    hint = baker.tokens()["id_token"]
    query = {"id_token_hint": hint, "post_logout_redirect_uri": AFTER, "state": "a b"}
    page = browser.settle(browser.get("/end_session", params=query))
    assert page.status_code == 200
    assert len(frames_of(page)) == 1
    assert f'id="continue" href="{AFTER}?state=a+b"' in page.text
    assert "form-action 'self'" in page.headers["Content-Security-Policy"].split("; ")
    assert not is_page(browser.open("/account/"), "/account/")


def test_the_page_says_of_each_app_whether_it_was_told(
    florist: RelyingParty, browser: Browser, user: EndUser, foreign_site: Elsewhere
) -> None:
    path = f"/{unique('told')}"
    baker = site(browser, user, "Baker", backchannel_logout_uri=foreign_site.says(path, b""))
    silent = site(browser, user, "Cobbler")
    for other in (baker, silent):
        other.tokens()
    page = sign_out(browser)

    def said(name: str, page: httpx.Response) -> str:
        return re.findall(rf"<bdi>{name}</bdi>(?:</a>)?</strong><span>([^<]+)<", page.text)[0]

    assert said("Baker", page) == "Is being told."
    assert said("Florist", page) == "Is being told by this browser."
    assert said("Cobbler", page) == "Can’t be told. Sign out there, too."
    call_command("worker", "--once")
    assert said("Baker", browser.open(str(page.url))) == "Has been told, and answered."


@pytest.mark.parametrize("what", ["forged", "live", "of another purpose"])
def test_an_address_of_ones_own_making_shows_nothing(florist: RelyingParty, what: str) -> None:
    session = Session.objects.get(user__email=florist.user.email)
    note = signing.dumps([session.pk], salt="accounts.signed_out")
    if what == "forged":
        note = note[:-2] + ("AA" if note[-2:] != "AA" else "BB")
    if what == "of another purpose":
        note = signing.dumps([session.pk], salt="something else")
    with Browser() as stranger:
        page = stranger.open("/account/signed-out/", of=note)
    assert page.status_code == 200
    assert "Florist" not in page.text
