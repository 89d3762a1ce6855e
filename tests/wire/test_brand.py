"""An operator's brand: where one is set, it is all that users and operators read."""

import re
import time
from collections import Counter
from collections.abc import Iterator
from typing import Any
from urllib.parse import urljoin, urlsplit

import httpx
import pytest
import yaml
from django.template.loader import render_to_string
from django.urls import Resolver404, resolve

from accounts.allauth_door.factor_adapter import FactorAdapter
from foundation import branding
from foundation.models import Brand
from idp.declaration import apply, export
from tests.accounts.test_letters import TEMPLATES, written
from tests.conftest import ROOT, Server
from tests.ports import free_port
from tests.relying_party import Browser, RelyingParty, make_client, make_user

#: Markup in every text; what a browser would run would have to be in a page as it is here.
NAME = "<b>Müller & Söhne</b>"
ESCAPED = "&lt;b&gt;Müller &amp; Söhne&lt;/b&gt;"
SVG = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><path d="M0 0h9v9z"></path></svg>'
BRAND = {
    "name": NAME,
    "accent_color": "#00A0ff",
    "mark": SVG,
    "dark_mark": SVG.replace("M0 0", "M1 1"),
    "help_uri": "mailto:help@example.com",
    "policy_uri": 'https://example.com/privacy?"><script>alert(1)</script>',
    "imprint_uri": "https://example.com/imprint",
    "sender_name": 'Mail "of" <Müller>',
    "footer_text": "<script>alert(1)</script>\nHauptstraße 1",
}
#: Pages of one route that are looked at; the second has another row.
MOST_OF_A_ROUTE = 2
#: A link is followed by GET alone, which changes nothing.
LINK = re.compile(r'<a\b[^>]*\bhref="([^"#]+)')


@pytest.fixture(scope="module")
def branded(database: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that has started with a brand; the database has none again afterwards."""
    apply({"brand": BRAND}, dry_run=False)
    server = Server(
        f"http://localhost:{free_port()}",
        tmp_path_factory.mktemp("branded") / "log",
        IDP_STAFF_SECOND_FACTOR="off",
    )
    try:
        server.wait()
        yield server
    finally:
        server.stop()
        Brand.objects.all().delete()
        branding.forget()


def check(page: httpx.Response) -> None:
    """A page has the brand, escaped, and neither the default name nor a script of the brand's."""
    assert "Signet" not in page.text, f"{page.url}: {around(page.text)}"
    assert "<b>Müller" not in page.text
    assert "<script>alert" not in page.text


def around(text: str) -> str:
    at = text.index("Signet")
    return text[max(0, at - 200) : at + 100]


def crawl(browser: Browser, start: str, server: Server) -> Counter[str]:
    """Follow all links from a page; return how many pages of each route were looked at."""
    seen: Counter[str] = Counter()
    queue, known = [start], {start}
    while queue:
        path = queue.pop(0)
        route = route_of(path)
        if not route or seen[route] >= MOST_OF_A_ROUTE:
            continue
        page = browser.settle(browser.get(path))
        assert page.status_code < 500, path
        if not page.headers.get("Content-Type", "").startswith("text/html"):
            continue
        seen[route] += 1
        check(page)
        for link in LINK.findall(page.text):
            target = urljoin(str(page.url), link.replace("&amp;", "&"))
            if target.startswith(server.issuer) and target not in known:
                known.add(target)
                queue.append(target.removeprefix(server.issuer))
    return seen


def route_of(path: str) -> str:
    try:
        return resolve(urlsplit(path).path).route
    except Resolver404:
        return ""


@pytest.mark.sweep
def test_nobody_reads_the_default_name(branded: Server) -> None:
    with Browser(issuer=branded.issuer) as browser:
        crawl(browser, "/account/login/", branded)
        assert ESCAPED in browser.get("/account/login/").text
        check(browser.get("/account/nothing/"))
        operator = make_user(is_staff=True, is_superuser=True)
        make_client(owner=operator.email)
        browser.sign_in(operator, browser.open("/account/login/"))
        console = crawl(browser, "/account/", branded)
        assert len(console) >= 10
        assert ESCAPED in browser.open("/account/").text
        assert len(crawl(browser, "/admin/", branded)) >= 25
        assert len(crawl(browser, "/developers/", branded)) >= 5


def test_no_template_has_the_default_name() -> None:
    shown = [*(ROOT / "templates").rglob("*.*"), *(ROOT / "idp/integrations/programs").iterdir()]
    for path in shown:
        assert "Signet" not in path.read_text(), path


@pytest.mark.parametrize("template", ["500.html", "503.html", "unavailable.html"])
def test_neither_do_pages_without_a_database(branded: Server, template: str) -> None:
    branding.forget()
    branding.current()
    page = render_to_string(template, {"brand": branding.known()})
    assert ESCAPED in page
    assert "Signet" not in page


@pytest.mark.parametrize("template", TEMPLATES)
def test_nobody_reads_it_in_email(branded: Server, template: str) -> None:
    branding.forget()
    message = written(template)
    (made, kind), *_ = message.alternatives
    assert kind == "text/html"
    whole = f"{message.message()}\n{message.body}\n{made}"
    assert "Signet" not in whole
    assert ESCAPED in made
    assert "<script" not in made
    assert "Hauptstraße 1" in message.body
    assert "mailto:help@example.com" in message.body
    assert message.message()["From"].endswith("@localhost>")


def test_authenticator_apps_and_passkeys_name_the_brand(branded: Server) -> None:
    branding.forget()
    adapter = FactorAdapter()
    assert adapter.get_totp_issuer() == NAME
    assert adapter.get_public_key_credential_rp_entity()["name"] == NAME


def test_a_page_has_mark_accent_and_links(branded: Server) -> None:
    with Browser(issuer=branded.issuer) as browser:
        page = browser.open("/account/login/")
        sheet = re.search(r'href="(/accent\.css\?color=00A0ff)"', page.text)
        marks = re.findall(r'(?:src|srcset|href)="(/logo\?digest=\w+)"', page.text)
        # Identity providers of other tests may have marks on this page, too.
        brand = Brand.objects.get()
        assert sheet
        assert {
            branding.picture_address(brand.mark_digest),
            branding.picture_address(brand.dark_mark_digest),
        } <= set(marks)
        assert browser.get(sheet[1]).text.startswith(":root{--wax:")
        for mark in set(marks):
            answer = browser.get(mark)
            assert answer.headers["Content-Type"] == "image/svg+xml"
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
            assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
            assert "sandbox" in answer.headers["Content-Security-Policy"]
        assert 'href="mailto:help@example.com"' in page.text
        assert 'href="https://example.com/imprint"' in page.text
        assert "&lt;script&gt;alert(1)&lt;/script&gt;<br>Hauptstraße 1" in page.text


def test_an_export_is_applied_without_a_change(branded: Server) -> None:
    text = "".join(export(only=["brand"]))
    declared: dict[str, Any] = yaml.safe_load(text)
    assert declared["brand"]["mark"] == SVG
    assert apply(declared, dry_run=True) == []


def test_an_empty_brand_is_deleted_where_the_file_is_all_there_is(branded: Server) -> None:
    assert apply({"brand": {}}, dry_run=True) == []
    [change] = apply({"brand": {}}, dry_run=True, prune=True)
    assert (change.what, change.outcome) == (f"brand {NAME}", "removed")


def test_a_refused_authorization_request_shows_the_brand(branded: Server) -> None:
    with Browser(issuer=branded.issuer) as browser:
        party = RelyingParty(make_client(), browser, make_user())
        page = browser.get(
            "/authorize", params=party.parameters(redirect_uri="https://evil.example")
        )
        assert page.status_code == 400
        check(page)
        assert ESCAPED in page.text


def test_other_processes_see_a_change_within_seconds(branded: Server) -> None:
    apply({"brand": {**BRAND, "name": "Bakery"}}, dry_run=False)
    with Browser(issuer=branded.issuer) as browser:
        until = time.monotonic() + 2 * branding.KNOWN_FOR
        while "<bdi>Bakery</bdi>" not in browser.open("/account/login/").text:
            assert time.monotonic() < until
            time.sleep(0.1)
