"""What the frames of apps may do on the page after a sign-out: clear what is theirs, no more."""

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, expect

from tests.browser.conftest import PATIENCE
from tests.browser.visitor import Site, Visitor, request_of, site_at
from tests.relying_party import ISSUER, EndUser

KEEP = """<script>localStorage.setItem("token", "secret"); document.cookie = "script=1"</script>"""
#: Clears first, then tries whatever could bother a user.
MISCHIEF = """<script>
localStorage.clear()
document.cookie = "script=; max-age=0"
function attempt(what) { try { what() } catch (refused) {} }
const link = document.body.appendChild(document.createElement("a"))
attempt(() => open("/popup"))
attempt(() => { top.location = "/hijacked" })
attempt(() => { parent.location = "/hijacked" })
attempt(() => { link.href = "/file"; link.download = "x"; link.click() })
attempt(() => { location = "/file" })
attempt(() => { link.href = "/popup"; link.removeAttribute("download"); link.target = "_blank" })
attempt(() => link.click())
attempt(() => alert("dialog"))
attempt(() => confirm("dialog"))
attempt(() => prompt("dialog"))
attempt(() => print())
fetch("/tried")
</script>"""


@dataclass
class App:
    """A website that keeps something in the browser, on this machine."""

    url: str
    #: The paths that were asked for, and the referrer that came with each.
    asked: dict[str, str | None] = field(default_factory=dict)
    cookies: dict[str, str] = field(default_factory=dict)


@pytest.fixture
def app() -> Iterator[App]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            app.asked[path] = self.headers["Referer"]
            app.cookies[path] = self.headers["Cookie"] or ""
            self.send_response(200)
            if path == "/file":
                self.send_header("Content-Disposition", "attachment")
            if path == "/keep":
                self.send_header("Set-Cookie", "server=1; SameSite=Lax; HttpOnly")
            if path == "/signed-out":
                self.send_header("Set-Cookie", "server=; Max-Age=0")
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.end_headers()
            pages = {"/keep": KEEP, "/signed-out": MISCHIEF}
            self.wfile.write(f"<!doctype html><title>x</title><body>{pages.get(path, '')}".encode())

        def log_message(self, *_: Any) -> None: ...

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    app = App(f"http://localhost:{server.server_address[1]}")
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield app
    server.shutdown()
    server.server_close()


@pytest.fixture
def context(chromium: Browser, provider: object) -> Iterator[BrowserContext]:
    """A browser whose console may complain: of what it has refused to a frame."""
    context = chromium.new_context(locale="en-GB", ignore_https_errors=True)
    context.set_default_timeout(PATIENCE)
    yield context
    context.close()


def test_a_frame_clears_what_is_its_apps_and_nothing_else(
    context: BrowserContext, user: EndUser, bakery: Site, app: App
) -> None:
    page = context.new_page()
    visitor = Visitor(page, user, bakery)
    site = site_at(
        f"{app.url}/keep", first_party=True, frontchannel_logout_uri=f"{app.url}/signed-out"
    )
    visitor.open(request_of(site, user)[0])
    visitor.sign_in()
    page.wait_for_url(f"{app.url}/keep?**")
    page.goto(f"{app.url}/look")
    assert {"server=1", "script=1"} <= set(app.cookies["/look"].split("; "))
    assert page.evaluate("localStorage.length") == 1

    opened: list[str] = []
    for event in ("dialog", "download", "popup"):
        page.on(event, lambda _, event=event: opened.append(event))  # type: ignore[call-overload]
    visitor.open("/account/logout/")
    page.click("#confirm-logout")
    visitor.sees("You are signed out")
    expect(page.get_by_text("Is being told by this browser.")).to_be_visible()
    for _ in range(100):
        if "/tried" in app.asked:
            break
        page.wait_for_timeout(50)
    page.wait_for_timeout(500)
    assert "/tried" in app.asked
    assert app.asked["/signed-out"] is None, "no referrer"
    assert page.url.startswith(f"{ISSUER}/account/signed-out/")
    assert opened == []
    assert not {"/hijacked", "/popup"} & set(app.asked)
    assert len(context.pages) == 1
    expect(page.locator("iframe")).to_have_count(0)  # their time is over

    page.goto(f"{app.url}/look-again")
    assert not {"server=1", "script=1"} & set(app.cookies["/look-again"].split("; "))
    assert page.evaluate("localStorage.length") == 0


def test_a_frame_that_never_loads_keeps_nobody(
    context: BrowserContext, user: EndUser, bakery: Site
) -> None:
    page = context.new_page()
    visitor = Visitor(page, user, bakery)
    slow = site_at(
        "https://app.example/landed",
        first_party=True,
        frontchannel_logout_uri="https://app.example/loaded",
    )
    baker = site_at(
        "https://shop.example/landed",
        first_party=True,
        post_logout_redirect_uris=["https://shop.example/signed-out"],
    )
    page.route("https://app.example/loaded**", lambda _: None)  # no answer, ever
    visitor.open(request_of(slow, user)[0])
    visitor.sign_in()
    page.wait_for_url("https://app.example/landed?**")
    visitor.open(request_of(baker, user)[0])
    page.wait_for_url("https://shop.example/landed?**")
    visitor.open(
        f"/end_session?client_id={baker.client.client_id}"
        "&post_logout_redirect_uri=https://shop.example/signed-out"
    )
    page.click("#confirm-logout")
    page.wait_for_url("https://shop.example/signed-out", timeout=8000)
