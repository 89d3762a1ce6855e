"""Users see where they are signed in and with which apps, end that, and see who was told.

ASVS 7.4.5, 7.5.2; OIDC Back-Channel Logout.
"""

import re
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from django.conf import settings
from django.core.management import call_command

from accounts.models import Session, User
from idp.models import Delivery, Event
from tests.elsewhere import Elsewhere, answering
from tests.in_process import InProcess
from tests.places import place, write_places
from tests.relying_party import (
    Browser,
    EndUser,
    RelyingParty,
    forms_of,
    is_page,
    make_client,
    make_user,
    unique,
    verified,
)

PAGE = "/account/sessions/"


@pytest.fixture
def elsewhere(provider: object) -> Browser:
    """Another browser, a laptop away."""
    with Browser() as another:
        yield another


@pytest.fixture
def site(user: EndUser, foreign_site: Elsewhere) -> Callable[..., RelyingParty]:
    """Makes apps that are told of sign-outs and may refresh, `user` about to use them."""

    def make(browser: Browser, name: str, status: int = 200, **metadata: object) -> RelyingParty:
        path = f"/{unique('told')}"
        foreign_site.pages[path] = answering(b"", status=status)
        metadata.setdefault("backchannel_logout_uri", foreign_site.address + path)
        client = make_client(
            client_name=name,
            first_party=True,
            grant_types=["authorization_code", "refresh_token"],
            **metadata,
        )
        return RelyingParty(client, browser, user)

    return make


def press(browser: Browser, **button: str) -> httpx.Response:
    page = browser.open(PAGE)
    assert 'value="{}"'.format(*button.values()) in page.text, page.text
    form = next(form for form in forms_of(page) if not form.action and form.fields)
    return browser.settle(browser.post(PAGE, data={**form.fields, **button}))


def said_of(name: str, page: httpx.Response) -> str:
    found = re.search(rf"<bdi>{name}</bdi>(?:</a>)?</strong><span>([^<]+)<", page.text)
    assert found, page.text
    return found[1]


def deliveries_to(app: RelyingParty) -> list[tuple[str, str]]:
    rows = Delivery.objects.filter(client__client_id=app.client.client_id).order_by("pk")
    return list(rows.values_list("sid", "state"))


def test_ending_the_others_says_which_apps_were_told(
    browser: Browser, elsewhere: Browser, user: EndUser, site: Callable[..., RelyingParty]
) -> None:
    browser.sign_in(user)
    apps = [
        site(elsewhere, "Baker"),
        site(elsewhere, "Cobbler", status=500),
        site(elsewhere, "Dyer", backchannel_logout_uri=None),
        site(
            elsewhere,
            "Florist",
            backchannel_logout_uri=None,
            frontchannel_logout_uri="https://rp.example.com/loaded",
        ),
    ]
    for app in apps:
        app.tokens()
    assert browser.open(PAGE).text.count('class="row app"') == len(apps)
    told = press(browser, end="others")
    assert said_of("Baker", told) == "Is being told."
    assert said_of("Dyer", told) == "Can’t be told. Sign out there, too."
    assert said_of("Florist", told) == "Can’t be told. Sign out there, too.", "not by this browser"
    assert "<iframe" not in told.text
    call_command("worker", "--once")
    later = browser.open(str(told.url))
    assert said_of("Baker", later) == "Has been told, and answered."
    assert said_of("Cobbler", later) == "Has not answered yet. We keep trying."
    assert is_page(elsewhere.open("/account/"), "/account/login/")
    ended = Session.objects.get(user__email=user.email, ended_at__isnull=False)
    assert ended.ending == "signed-out-elsewhere"
    with Browser() as stranger:
        stranger.sign_in(make_user())
        assert "Baker" not in stranger.open(str(told.url)).text


def test_signing_out_of_one_app_leaves_the_others_and_offline_access(
    browser: Browser, user: EndUser, site: Callable[..., RelyingParty]
) -> None:
    baker, cobbler = site(browser, "Baker"), site(browser, "Cobbler")
    bound, offline = baker.tokens(), baker.tokens(scope="openid offline_access")
    other = cobbler.tokens()
    sid = verified(bound["id_token"])["sid"]
    page = browser.open(PAGE)
    assert page.text.count("It keeps its access when you are signed out") == 1
    assert "It keeps its access" in browser.open("/account/apps/").text
    left = press(browser, leave=sid)
    assert "You are signed out of Baker there. It is being told." in left.text
    assert "<bdi>Baker</bdi>" not in left.text
    assert baker.userinfo(bound["access_token"]).status_code == 401
    assert baker.userinfo(offline["access_token"]).status_code == 200
    assert cobbler.userinfo(other["access_token"]).status_code == 200
    event = Event.objects.get(client_id=baker.client.client_id, kind="session-ended")
    assert event.reason == "Ended for this app alone."
    # Signing in to it once more begins its part anew: what it was told is over stays over.
    again = verified(baker.tokens()["id_token"])["sid"]
    assert again != sid
    assert "<bdi>Baker</bdi>" in browser.open(PAGE).text
    call_command("worker", "--once")
    assert deliveries_to(baker) == [(sid, "delivered")]
    browser.submit(browser.open("/account/logout/"))
    assert [told for told, _state in deliveries_to(baker)] == [sid, again]


def test_nobody_ends_what_is_another_users(
    browser: Browser, elsewhere: Browser, user: EndUser, site: Callable[..., RelyingParty]
) -> None:
    app = site(elsewhere, "Baker")
    sid = verified(app.tokens()["id_token"])["sid"]
    session = Session.objects.get(user__email=user.email)
    browser.sign_in(make_user())
    form = next(form for form in forms_of(browser.open(PAGE)) if not form.action and form.fields)
    for button in ({"leave": sid}, {"end": session.pk}, {"leave": "\0"}, {"end": ""}):
        answer = browser.post(PAGE, data={**form.fields, **button})
        assert answer.status_code < 500
    session.refresh_from_db()
    assert session.ended_at is None
    assert deliveries_to(app) == []


def signed_in_at(user: EndUser) -> list[tuple[str, bool]]:
    rows = Session.objects.filter(user__email=user.email).order_by("created_at")
    return [(row.browser, row.ended_at is None) for row in rows]


def devices_on(page: httpx.Response) -> list[str]:
    return re.findall(r'<div class="words"><h2>([^<]+)</h2>', page.text)


def closed(browser: Browser) -> None:
    """Close the browser: the session's cookie goes, and the cookie of the known browser stays."""
    del browser.cookies[settings.SESSION_COOKIE_NAME]


def test_sign_ins_of_one_browser_are_one_device(
    browser: Browser, elsewhere: Browser, user: EndUser
) -> None:
    browser.headers["User-Agent"] = "Mozilla/5.0 (X11; Linux x86_64) Firefox/133.0"
    elsewhere.headers["User-Agent"] = "Mozilla/5.0 (X11; Linux x86_64) Firefox/132.0"
    for _ in range(3):
        elsewhere.sign_in(user)
        closed(elsewhere)
    browser.sign_in(user)
    ids = [browser_id for browser_id, _ in signed_in_at(user)]
    assert ids[0] == ids[1] == ids[2] != ids[3]
    page = browser.open(PAGE)
    assert devices_on(page) == ["Firefox on Linux", "Firefox on Linux"]
    assert page.text.count("Signed in on") == 4
    # Signing out of a device ends all that is signed in there, and nothing elsewhere.
    press(browser, end=first_end(page))
    assert signed_in_at(user) == [(ids[0], False)] * 3 + [(ids[3], True)]


def first_end(page: httpx.Response) -> str:
    found = re.search(r'name="end" value="([^"]+)"', page.text)
    assert found, page.text
    return found[1]


def test_a_browser_stays_the_same_device_after_signing_the_others_out(
    browser: Browser, elsewhere: Browser, user: EndUser
) -> None:
    elsewhere.sign_in(user)
    browser.sign_in(user)
    press(browser, end="others")
    closed(browser)
    browser.sign_in(user)
    ids = signed_in_at(user)
    assert ids[1][0] == ids[2][0]
    assert devices_on(browser.open(PAGE)) == ["Unknown browser"]
    press(browser, end=first_end(browser.open(PAGE)))
    assert [live for _, live in signed_in_at(user)] == [False, False, True]


def test_places_are_those_of_the_operators_database(user: EndUser, places_file: Path) -> None:
    client = InProcess(headers={"X-Forwarded-For": "198.51.100.7"})
    client.force_login(User.objects.get(email=user.email))
    Session.objects.filter(user__email=user.email).update(ip_address="198.51.100.7")
    assert "Lisbon, Portugal" in client.get(PAGE).content.decode()
    places_file.write_bytes(b"no database")
    answer = client.get(PAGE)
    assert answer.status_code == 200
    assert "Lisbon" not in answer.content.decode()


@pytest.fixture
def places_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "places.mmdb"
    write_places(path, {"198.51.100.0/24": place({"en": "Lisbon"}, {"en": "Portugal"})})
    monkeypatch.setattr(settings, "IDP_GEOIP_DB", str(path))
    return path
