"""Owners' pages: redirect URIs, secrets and the test sign-in of one's own apps; and who waits."""

import html
import re

import httpx
import pytest

from accounts.models import User
from idp.models import Client, Event, Grant
from tests.relying_party import (
    Browser,
    EndUser,
    Registered,
    RelyingParty,
    is_page,
    make_user,
    unique,
)
from tests.wire.test_developer_pages import APPS, links_on, own


def row_of(client: Registered) -> Client:
    return Client.objects.get(client_id=client.client_id)


def page_of(client: Registered, name: str) -> str:
    return f"{APPS}{row_of(client).pk}/{name}/"


def text_of(page: httpx.Response) -> str:
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", page.text)).split())


def done_by(user: EndUser) -> list[tuple[str, str, str]]:
    """Return kind, target and reason of the events that have the user as their actor."""
    events = Event.objects.filter(actor__email=user.email).order_by("id")
    return [(event.kind, event.target, event.reason) for event in events]


def test_an_owner_corrects_redirect_uris(browser: Browser, user: EndUser) -> None:
    client = own(user, client_name=f"Bakery {unique('x')}")
    browser.sign_in(user)
    page = browser.open(page_of(client, "addresses"))
    assert client.redirect_uri in page.text

    wrong = browser.submit(page, "save", redirect_uris="http://bakery.example/cb#part")
    assert "error-text" in wrong.text
    assert "http://bakery.example/cb#part" in wrong.text
    assert row_of(client).redirect_uris == [client.redirect_uri]

    typed = "https://bakery.example/cb\r\nhttps://bakery.example/cb2\r\n"
    fields = {"redirect_uris": typed, "post_logout_redirect_uris": "https://bakery.example/"}
    page = browser.submit(wrong, "save", **fields)
    assert is_page(page, APPS)
    assert "Saved" in page.text
    row = row_of(client)
    assert row.redirect_uris == ["https://bakery.example/cb", "https://bakery.example/cb2"]
    assert row.post_logout_redirect_uris == ["https://bakery.example/"]
    [event] = Event.objects.filter(actor__email=user.email)
    assert (event.kind, event.target) == ("changed", f"client {client.client_id}")
    assert event.details["changes"]["redirect_uris"] == [[client.redirect_uri], row.redirect_uris]


def test_a_problem_of_another_field_is_the_operators(browser: Browser, user: EndUser) -> None:
    client = own(user)
    Client.objects.filter(client_id=client.client_id).update(allowed_groups=["gone"])
    browser.sign_in(user)
    page = browser.open(page_of(client, "addresses"))
    page = browser.submit(page, "save", redirect_uris="https://bakery.example/cb")
    assert "There is no group gone." in page.text
    assert "only the operator can solve" in page.text
    assert row_of(client).redirect_uris == [client.redirect_uri]


def test_an_owner_changes_secrets(browser: Browser, user: EndUser) -> None:
    client = own(user)
    browser.sign_in(user)
    page = browser.open(page_of(client, "secrets"))
    page = browser.submit(page, "make-secret", overlap="24")
    assert "no-store" in page.headers["Cache-Control"]
    [secret] = re.findall(r'<code id="secret"[^>]*>([^<]+)</code>', page.text)
    for working in (secret, client.secret):
        app = RelyingParty(Registered(client.client_id, working, client.metadata), browser, user)
        assert app.token(grant_type="x").json()["error"] == "unsupported_grant_type"

    page = browser.open(page_of(client, "secrets"))
    assert secret not in page.text
    assert "make-secret" not in page.text
    fields = {**csrf_of(page), "overlap": "24"}
    third = browser.post(page_of(client, "secrets"), data=fields, headers=from_(page))
    assert "There are two secrets already" in browser.settle(third).text
    assert row_of(client).secrets.count() == 2

    old = row_of(client).secrets.order_by("created_at")[0]
    fields = {**csrf_of(page), "remove": str(old.pk)}
    browser.post(page_of(client, "secrets"), data=fields, headers=from_(page))
    app = RelyingParty(client, browser, user)
    assert app.token(grant_type="x").json()["error"] == "invalid_client"
    assert [(kind, about) for kind, about, _ in done_by(user)] == [
        ("owner-action", f"client {client.client_id}")
    ] * 2
    assert "Made a new secret." in done_by(user)[0][2]


def csrf_of(page: httpx.Response) -> dict[str, str]:
    [token] = set(re.findall(r'name="csrfmiddlewaretoken" value="([^"]+)"', page.text)[:1])
    return {"csrfmiddlewaretoken": token}


def from_(page: httpx.Response) -> dict[str, str]:
    origin = f"{page.url.scheme}://{page.url.netloc.decode()}"
    return {"Origin": origin, "Referer": str(page.url)}


def test_an_owner_tests_the_sign_in(browser: Browser, user: EndUser) -> None:
    client = own(user)
    browser.sign_in(user)
    page = browser.submit(browser.open(page_of(client, "test-sign-in")), "confirm")
    page = browser.submit(page, "allow")
    assert page.url.path == page_of(client, "test-sign-in") + "answer/"
    assert "no-store" in page.headers["Cache-Control"]
    text = text_of(page)
    assert f"It works: the app would sign in {user.email}" in text
    assert f"sub {user.sub}" in text
    assert "3. The tokens" in text
    given = Grant.objects.filter(client=row_of(client))
    assert given.exists()
    assert not given.filter(revoked_at=None).exists()
    assert ("owner-action", f"client {client.client_id}", "Began a test sign-in.") in done_by(user)
    assert is_over(browser.open(str(page.url)))

    # It is none that the quick start waits for.
    start = browser.open("/developers/start/flask/", client_id=client.client_id)
    assert "Waiting for your first sign-in…" in start.text

    Client.objects.filter(client_id=client.client_id).update(enabled=False)
    assert "The app is disabled" in browser.open(page_of(client, "test-sign-in")).text


def test_tokens_without_a_code_come_to_the_owner_by_a_form(browser: Browser, user: EndUser) -> None:
    client = own(user, grant_types=["implicit"], response_types=["id_token token"])
    browser.sign_in(user)
    page = browser.submit(browser.open(page_of(client, "test-sign-in")), "confirm")
    page = browser.submit(page, "allow")
    if page.url.path != page_of(client, "test-sign-in") + "answer/":
        page = browser.submit(page)
    assert f"It works: the app would sign in {user.email}" in text_of(page)
    assert not Grant.objects.filter(client=row_of(client), revoked_at=None).exists()


def is_over(page: httpx.Response) -> bool:
    return page.status_code == 200 and "That test is over" in page.text


def test_links_lead_to_what_an_app_can_do(browser: Browser, user: EndUser) -> None:
    web, public = own(user), own(user, token_endpoint_auth_method="none")
    machine = own(user, grant_types=["client_credentials"], response_types=[], redirect_uris=None)
    browser.sign_in(user)
    links = links_on(browser.open(APPS))
    for client, name, offered in (
        (web, "addresses", True),
        (web, "secrets", True),
        (web, "test-sign-in", True),
        (public, "secrets", False),
        (machine, "test-sign-in", False),
    ):
        assert (page_of(client, name) in links) == offered
        assert (browser.open(page_of(client, name)).status_code == 200) == offered


def test_addresses_of_a_metadata_document_are_not_changed(browser: Browser, user: EndUser) -> None:
    client = own(user)
    Client.objects.filter(client_id=client.client_id).update(
        registration_source=Client.RegistrationSource.CIMD
    )
    browser.sign_in(user)
    assert page_of(client, "addresses") not in links_on(browser.open(APPS))
    assert browser.open(page_of(client, "addresses")).status_code == 404


def test_a_quick_start_waits_for_the_first_sign_in(browser: Browser, user: EndUser) -> None:
    client = own(user)
    flask = "/developers/start/flask/"
    browser.sign_in(user)
    ask = {"client_id": client.client_id}
    page = browser.open(flask, **ask)
    assert "Waiting for your first sign-in…" in page.text
    assert "http-equiv" not in page.text
    looking = browser.open(flask, **ask, looks="1")
    assert re.search(r'<noscript><meta http-equiv="refresh"[^>]*looks=2#wait', looking.text)
    assert "http-equiv" not in browser.open(flask, **ask, looks="30").text
    assert browser.open("/developers/signed-in", **ask).json() == {"signed_in": False}

    app = RelyingParty(client, browser, user)
    code = app.authorize().code
    assert browser.open("/developers/signed-in", **ask).json() == {"signed_in": False}
    app.exchange(code)
    assert browser.open("/developers/signed-in", **ask).json() == {"signed_in": True}
    page = browser.open(flask, **ask, looks="1")
    assert "It works: a user has signed in" in page.text
    assert "http-equiv" not in page.text


def test_nobody_else_learns_of_sign_ins(browser: Browser, user: EndUser) -> None:
    client = own(make_user())
    assert browser.open("/developers/signed-in", client_id=client.client_id).status_code == 404
    browser.sign_in(user)
    for client_id in (client.client_id, "x", ""):
        assert browser.open("/developers/signed-in", client_id=client_id).status_code == 404
    page = browser.open("/developers/start/flask/", client_id=client.client_id)
    assert "Waiting for" not in page.text


@pytest.mark.parametrize(
    "words", ["FLASK authlib", "php", "kubernetes", "invalid_grant", "cobol fortran"]
)
def test_the_search_finds_pages(browser: Browser, words: str) -> None:
    page = browser.open("/developers/search/", q=words)
    links = {link for link in links_on(page) if "/developers/" in link}
    address = {
        "FLASK authlib": "/developers/start/flask/",
        "php": "/developers/start/apache/",
        "kubernetes": "/developers/integrations/kubernetes/",
        "invalid_grant": "/developers/errors/invalid_grant",
    }.get(words)
    if address:
        assert address in links
    else:
        assert "Nothing matches" in page.text
    assert f"{html.escape(words)}”" in page.text


def test_a_bad_search_is_a_search_for_nothing(browser: Browser) -> None:
    for query in ("?q=a&q=b", "?q=%ff", "?q=" + "x" * 5000, ""):
        assert browser.open(f"/developers/search/{query}").status_code == 200


def test_owners_of_nothing_have_no_such_page(browser: Browser, user: EndUser) -> None:
    browser.sign_in(user)
    for number in ("0", "999999999", "9" * 30):
        assert browser.open(f"{APPS}{number}/secrets/").status_code == 404
    assert User.objects.filter(email=user.email).exists()
