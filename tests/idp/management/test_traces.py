"""Traces on the wire: what a receiver of OTLP gets from `serve` and its worker, and what never."""

import re
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import chain
from pathlib import Path
from threading import Thread
from typing import Any

import httpx
import pytest
from google.protobuf.json_format import MessageToDict
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests import forked, secrecy
from tests.conftest import Server
from tests.elsewhere import Elsewhere
from tests.idp.management.test_worker import soon
from tests.ports import free_port
from tests.relying_party import Browser, EndUser, Registered, RelyingParty, make_client

TRACE, PARENT, UNSAMPLED = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331", "1" * 32
#: Secrets that others put into addresses and headers: no rule of ours knows what they look like.
WRONG = "Wrong-8Gd2Tp5Xw3Rk9Ma"
PLANTED = "Planted-2f7Kq9Zx4Lm8Vb1Nc6Hs"
LOGOUT_PATH = f"/sign-out/{PLANTED}?key={PLANTED}"
Span = dict[str, Any]


class Receiver:
    """A receiver of OTLP over HTTP."""

    def __init__(self) -> None:
        self.resources: list[dict[str, Any]] = []
        self.spans: list[Span] = []
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                receiver.take(self.path, ExportTraceServiceRequest.FromString(body))
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: Any) -> None: ...

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        Thread(target=self.server.serve_forever, daemon=True).start()

    def take(self, path: str, request: ExportTraceServiceRequest) -> None:
        assert path == "/v1/traces"
        for group in request.resource_spans:
            self.resources.append(attributes(MessageToDict(group.resource)))
            for span in chain.from_iterable(scope.spans for scope in group.scope_spans):
                members = MessageToDict(span)
                members["traceId"], members["spanId"] = span.trace_id.hex(), span.span_id.hex()
                members["parentSpanId"] = span.parent_span_id.hex()
                self.spans.append({**members, "attributes": attributes(members)})

    def named(self, name: str) -> list[Span]:
        return [span for span in self.spans if span["name"] == name]

    def below(self, span: Span) -> list[Span]:
        return [other for other in self.spans if other["parentSpanId"] == span["spanId"]]


def attributes(members: dict[str, Any]) -> dict[str, Any]:
    return {
        entry["key"]: next(iter(entry["value"].values())) for entry in members.get("attributes", [])
    }


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.server.shutdown()
    receiver.server.server_close()


@pytest.fixture(scope="module")
def traced(
    database: None, receiver: Receiver, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    server = Server(
        f"http://localhost:{free_port()}",
        tmp_path_factory.mktemp("traced") / "log",
        "--with-worker",
        OTEL_EXPORTER_OTLP_ENDPOINT=f"http://127.0.0.1:{receiver.server.server_port}",
        OTEL_BSP_SCHEDULE_DELAY="200",
        OTEL_RESOURCE_ATTRIBUTES="deployment.environment.name=test",
    )
    server.wait()
    yield server
    if server.process.poll() is None:
        server.stop()


@pytest.fixture
def client(foreign_site: Elsewhere) -> Registered:
    """A client whose address for sign-outs has a secret."""
    return make_client(backchannel_logout_uri=foreign_site.says(LOGOUT_PATH, b""))


def test_a_journey_is_traced_and_no_secret_is(
    traced: Server, receiver: Receiver, foreign_site: Elsewhere, client: Registered, user: EndUser
) -> None:
    with Browser(traced.issuer) as browser:
        app = RelyingParty(client, browser, user)
        tokens = journey(traced, app)
        attack(traced, browser, tokens)
        browser.submit(browser.open("/account/logout/"))
        soon(lambda: LOGOUT_PATH in dict(foreign_site.posted))
        cookies = [value for value in browser.cookies.values() if len(value) >= secrecy.SHORTEST]
    soon(lambda: receiver.named("send delivery") and receiver.named("worker count_events"))
    traced.stop()  # which sends what is left
    [request] = [span for span in receiver.named("POST /token") if span["traceId"] == TRACE]
    assert request["attributes"] == {
        "http.request.method": "POST",
        "http.route": "/token",
        "http.response.status_code": "200",
    }
    assert request["parentSpanId"] == PARENT
    assert traced.logged(event="tokens_issued", trace_id=TRACE)
    statements = receiver.below(request)
    assert {span["kind"] for span in statements} == {"SPAN_KIND_CLIENT"}
    assert any("idp_accesstoken" in span["attributes"]["db.query.text"] for span in statements)
    attempts = receiver.named("send delivery")  # of sign-outs of other tests, too
    sent = [span for attempt in attempts for span in receiver.below(attempt)]
    answered = {("server.address", "localhost"), ("http.response.status_code", "200")}
    assert any(span["name"] == "POST" and span["attributes"].items() >= answered for span in sent)
    names = {span["name"] for span in receiver.spans}
    assert {"worker attend", "worker count_events", "POST /account/login/"} <= names
    assert "GET /readyz" not in names
    assert {has["service.name"] for has in receiver.resources} == {"signet"}
    assert receiver.resources[0]["deployment.environment.name"] == "test"
    assert UNSAMPLED not in {span["traceId"] for span in receiver.spans}
    hide(receiver, [PLANTED, WRONG, user.email, user.password, client.secret or "", *cookies])


def journey(traced: Server, app: RelyingParty) -> dict[str, Any]:
    """Sign in, wrongly first; consent, exchange the code and ask for claims."""
    page = app.visit(scope="openid email")
    wrong = app.browser.submit(page, login=app.user.email, password=WRONG)
    code = app.go_on(wrong).code
    form = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": app.client.redirect_uri,
        "code_verifier": app.code_verifier,
    }
    secret = (app.client.client_id, app.client.secret or "")
    headers = {"traceparent": f"00-{TRACE}-{PARENT}-01", "tracestate": f"other={PLANTED}"}
    response = httpx.post(f"{traced.issuer}/token", data=form, auth=secret, headers=headers)
    tokens: dict[str, Any] = response.json()
    secrecy.used.note_members(tokens)
    headers = {"Authorization": f"Bearer {tokens['access_token']}", "traceparent": PLANTED}
    assert httpx.get(f"{traced.issuer}/userinfo", headers=headers).status_code == 200
    return tokens


def attack(traced: Server, browser: Browser, tokens: dict[str, Any]) -> None:
    """Put secrets wherever a request has room for them."""
    headers = {"User-Agent": PLANTED, "Referer": f"https://rp.example.com/?code={PLANTED}"}
    for path in (f"/{PLANTED}", f"/account/{PLANTED}", f"/account/devices/{PLANTED}/", "/userinfo"):
        query = {"access_token": tokens["access_token"], "login_hint": PLANTED, "code": PLANTED}
        browser.get(path, params=query, headers={**headers, "Host": f"{PLANTED}.example.com"})
        browser.get(path, params=query, headers=headers)
    browser.request(PLANTED, "/token", headers={"traceparent": f"00-{UNSAMPLED}-{PARENT}-00"})
    browser.request(PLANTED, f"/token/{PLANTED}", headers={"baggage": f"key={PLANTED}"})
    httpx.post(f"{traced.issuer}/token", data={"grant_type": PLANTED, "code": PLANTED})


def hide(receiver: Receiver, secrets: list[str]) -> None:
    """Assert that no span has one of these secrets, or another of this run."""
    text = "\n".join(map(repr, receiver.spans))
    for secret in filter(None, secrets):
        encoded = urlsafe_b64encode(secret.encode()).decode().rstrip("=")
        assert not re.search(f"{re.escape(secret)}|{encoded}", text, re.IGNORECASE)
    assert not secrecy.used.leaks(text)
    allowed = {"http.request.method", "http.route", "http.response.status_code", "error.type"}
    allowed |= {"db.system.name", "db.operation.name", "db.query.text"}
    allowed |= {"server.address", "server.port"}
    for span in receiver.spans:
        assert span["attributes"].keys() <= allowed
        assert not span.keys() & {"events", "links", "traceState"}


@pytest.mark.once
def test_nothing_is_loaded_where_no_receiver_is_named(tmp_path: Path) -> None:
    # redis loads parts of the library, if it is there, for metrics that nobody asked for.
    loaded = "{'opentelemetry.sdk.trace', 'google.protobuf'} & {*sys.modules}"
    code = f"import idp.wsgi, sys; assert not {loaded}"
    sqlite = {"DATABASE_URL": f"sqlite:///{tmp_path}/db.sqlite3"}
    answered = forked.manage("shell", "--no-imports", "--command", code, environment=sqlite)
    assert answered.returncode == 0, answered.stderr


@pytest.mark.once
def test_a_protocol_that_is_not_spoken_is_named() -> None:
    asked = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4317"}
    spoken = forked.manage("check", environment=asked)
    other = forked.manage("check", environment={**asked, "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"})
    assert "idp.W028" not in spoken.stderr
    assert "idp.W028" in other.stderr
    assert "not as grpc" in other.stderr
