"""Chromium, the sample site, and a site whose callback sends users on: what journeys need."""

import datetime
import os
import random
import shutil
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from django.conf import settings
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    expect,
    sync_playwright,
)

from tests import secrecy
from tests.browser.visitor import Site, Visitor
from tests.conftest import ROOT, Server
from tests.ports import free_port
from tests.relying_party import EndUser, make_client

#: How long a page may take to show what is expected, in milliseconds.
PATIENCE = 10_000


class Elsewhere(BaseHTTPRequestHandler):
    """Every https site under .example: /callback redirects on to another origin, /… says hello.

    That origin is in its query (`to`), or https://shop.example. What is posted there goes on in the
    query, so that a test can read it.
    """

    def do_POST(self) -> None:
        self._redirect(self.rfile.read(int(self.headers["Content-Length"])).decode())

    def _redirect(self, came: str) -> None:
        members = dict(parse_qsl(f"{urlsplit(self.path).query}&{came}"))
        target = members.pop("to", "https://shop.example/landed")
        self.send_response(303)
        self.send_header("Location", f"{target}?{urlencode(members)}")
        self.end_headers()

    def do_GET(self) -> None:
        if self.path.startswith("/callback"):
            self._redirect("")
            return
        body = b'<!doctype html><html lang="en"><title>Landed</title><h1>Landed</h1>'
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None: ...


@pytest.fixture(scope="package")
def elsewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """The port at which Chromium finds every site under .example."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(_certificate(tmp_path_factory.mktemp("tls") / "elsewhere.pem"))
    server.socket = tls.wrap_socket(server.socket, server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="package")
def loopback_port() -> Iterator[int]:
    """The port of a program on this machine that waits for its answer."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield server.server_address[1]
    server.shutdown()
    server.server_close()


def _certificate(path: Path) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "example")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    path.write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + certificate.public_bytes(pem)
    )
    return path


@pytest.fixture(scope="package")
def chromium(elsewhere: int) -> Iterator[Browser]:
    """One browser for this package, which finds all sites under .example here."""
    with launched_chromium(PATIENCE, f"MAP *.example 127.0.0.1:{elsewhere}") as browser:
        yield browser


@contextmanager
def launched_chromium(patience: int, *hosts: str) -> Iterator[Browser]:
    """Run Chromium, which leaves this machine nowhere, by these rules for hosts.

    `patience` is how long it is waited for, in milliseconds. Playwright keeps an event loop in this
    thread while it runs, which Django would take for a mistake; it is gone again for the tests of
    other packages.
    """
    rules = [*hosts, "MAP * ~NOTFOUND", "EXCLUDE localhost", "EXCLUDE 127.0.0.1"]
    with pytest.MonkeyPatch.context() as patch, sync_playwright() as playwright:
        patch.setitem(os.environ, "DJANGO_ALLOW_ASYNC_UNSAFE", "true")
        browser = playwright.chromium.launch(
            executable_path=chromium_program(),
            args=[
                "--no-sandbox",
                "--disable-gpu",
                "--disable-background-networking",
                "--disable-component-update",
                "--disable-sync",
                "--no-first-run",
                "--disable-quic",
                f"--host-resolver-rules={', '.join(rules)}",
            ],
        )
        expect.set_options(timeout=patience)
        yield browser
        browser.close()


def chromium_program() -> str | None:
    """Return the program: the engine without windows takes half the processor time."""
    chosen = os.environ.get("CHROMIUM")
    return chosen or shutil.which("chromium-headless-shell") or shutil.which("chromium")


@pytest.fixture
def open_browser(chromium: Browser, provider: Server) -> Iterator[Callable[..., BrowserContext]]:
    """Opens browser profiles. Afterwards: nothing may have been complained about in a console."""
    contexts: list[BrowserContext] = []
    complaints: list[str] = []

    def hear(message: ConsoleMessage) -> None:
        a_page_said_no = (
            "the server responded with a status of 4" in message.text
            and "/static/" not in message.location["url"]
        )
        if message.type == "error" and not a_page_said_no:
            complaints.append(f"{message.location['url']}: {message.text}")

    def open_one(**options: Any) -> BrowserContext:
        # A network address of its own: limits by address are other tests' subject.
        address = ".".join(str(random.randint(1, 250)) for _ in range(4))
        context = chromium.new_context(
            locale="en-GB",
            reduced_motion="reduce",
            ignore_https_errors=True,
            **{"extra_http_headers": {"X-Forwarded-For": address}, **options},
        )
        context.set_default_timeout(PATIENCE)
        context.on("console", hear)
        context.on("weberror", lambda problem: complaints.append(str(problem.error)))
        contexts.append(context)
        return context

    yield open_one
    for context in contexts:
        secrecy.used.note(*(cookie.get("value") for cookie in context.cookies()))
        context.close()
    assert complaints == []


@pytest.fixture
def context(open_browser: Callable[..., BrowserContext]) -> BrowserContext:
    return open_browser()


@pytest.fixture
def page(context: BrowserContext) -> Page:
    return context.new_page()


@pytest.fixture(scope="package")
def bakery(provider: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The sample relying party as its own process, with a client of its own."""
    url = f"http://localhost:{free_port()}"
    client = make_client(
        client_name="Bakery",
        client_uri=url,
        policy_uri=f"{url}/privacy",
        tos_uri=f"{url}/terms",
        redirect_uris=[f"{url}/callback"],
        post_logout_redirect_uris=[f"{url}/"],
        backchannel_logout_uri=f"{url}/signed-out-at-signet",
    )
    log = tmp_path_factory.mktemp("bakery") / "log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [
                *(sys.executable, "-m", "flask", "--app", "examples/relying_party/app"),
                *("run", "--port", url.rpartition(":")[2]),
            ],
            cwd=ROOT,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={
                **os.environ,
                "OIDC_ISSUER": settings.IDP_ISSUER,
                "OIDC_CLIENT_ID": client.client_id,
                "OIDC_CLIENT_SECRET": client.secret or "",
            },
        )
    _wait_for(url, process)
    yield Site(url, client)
    process.terminate()
    process.wait(10)
    assert "Traceback" not in log.read_text(), log.read_text()[-4000:]


def _wait_for(url: str, process: subprocess.Popen[bytes]) -> None:
    for _ in range(200):
        assert process.poll() is None, "the sample site did not start"
        try:
            httpx.get(url)
        except httpx.TransportError:
            time.sleep(0.05)
        else:
            return
    raise RuntimeError("the sample site did not answer")


@pytest.fixture(scope="package")
def closed_provider(provider: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A second provider on the same database, where no user may make an account."""
    yield from _another(tmp_path_factory.mktemp("closed"), IDP_SIGNUP="closed")


@pytest.fixture(scope="package")
def strict_provider(provider: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A provider as in production, whose administration asks for a second factor."""
    yield from _another(tmp_path_factory.mktemp("strict"), IDP_STAFF_SECOND_FACTOR="true")


def _another(folder: Path, **settings: str) -> Iterator[Server]:
    server = Server(f"http://localhost:{free_port()}", folder / "log", **settings)
    server.wait()
    yield server
    server.stop()


@pytest.fixture
def visitor(page: Page, user: EndUser, bakery: Site) -> Visitor:
    """`user` at a browser that no user is signed in at, about to use the sample site."""
    return Visitor(page, user, bakery)
