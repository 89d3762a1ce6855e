"""Bodies that are too large, or break off: answered so that a reverse proxy can pass it on."""

import socket
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx
import pytest

from tests.attacks.raw import FORM, send
from tests.conftest import Server
from tests.ports import free_port
from tests.relying_party import ISSUER, RelyingParty, spec
from tests.reverse_proxy import nginx

LIMIT = 256 * 1024
LARGE = b"a=" + b"x" * 3 * 1024 * 1024
MACHINES = ["/token", "/userinfo", "/revoke", "/introspect", "/register", "/jwks"]
PAGES = ["/authorize", "/end_session", "/account/login/", "/language", "/consent", "/nothing/x.css"]


@pytest.fixture(scope="module", params=["on", "off"], ids=["buffering", "streaming"])
def proxy(
    request: pytest.FixtureRequest, provider: Server, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """The address of nginx in front of the provider."""
    port = free_port()
    at = ISSUER.replace("localhost", "127.0.0.1")
    server = f"""
      proxy_set_header Host {urlsplit(ISSUER).netloc};
      location / {{ proxy_pass {at}; proxy_request_buffering {request.param}; }}
    """
    with nginx(tmp_path_factory.mktemp("nginx"), port, server):
        yield f"http://127.0.0.1:{port}"


def is_refused(path: str, status: int, headers: httpx.Headers, body: str) -> bool:
    """Whether this is the answer to a body that is too large, as this path gives it."""
    assert status == 413, f"{path}: {status}\n{body}"
    assert headers["Cache-Control"] == "no-store"
    if path in MACHINES:
        assert headers["Content-Type"] == "application/json"
        return '"error": "invalid_request"' in body
    return "That was too much at once" in body


@spec("RFC 9110", "15.5.14")
@pytest.mark.parametrize("path", MACHINES + PAGES)
def test_a_proxy_passes_the_answer_on(proxy: str, path: str) -> None:
    for _ in range(5):
        sent = httpx.post(f"{proxy}{path}", content=LARGE, headers={"Content-Type": FORM})
        assert is_refused(path, sent.status_code, sent.headers, sent.text)


def test_a_proxy_passes_an_answer_on_that_nobody_needed_the_body_for(proxy: str) -> None:
    body = b"a=" + b"x" * (LIMIT - 2)
    for _ in range(5):
        sent = httpx.post(f"{proxy}/nothing", content=body, headers={"Content-Type": FORM})
        assert sent.status_code == 404


@pytest.mark.parametrize("path", MACHINES + PAGES)
def test_chunked_bodies_have_the_same_limit(provider: Server, path: str) -> None:
    chunks = iter([b"x" * 65536] * 40)
    sent = httpx.post(f"{ISSUER}{path}", content=chunks, headers={"Content-Type": FORM})
    assert is_refused(path, sent.status_code, sent.headers, sent.text)


@spec("RFC 9112", "7.1")
def test_chunked_bodies_are_read(relying_party: RelyingParty) -> None:
    code = relying_party.authorize().code
    form = httpx.Request(
        "POST",
        f"{ISSUER}/token",
        data={
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": relying_party.client.redirect_uri,
            "code_verifier": relying_party.code_verifier,
        },
    ).read()
    answer = httpx.post(
        f"{ISSUER}/token",
        content=iter([form[:10], form[10:]]),
        headers={"Content-Type": FORM},
        auth=(relying_party.client.client_id, relying_party.client.secret or ""),
    )
    assert answer.request.headers["Transfer-Encoding"] == "chunked"
    assert answer.status_code == 200, answer.text


@spec("RFC 9110", "10.1.1")
def test_whoever_waits_before_sending_is_told_at_once(provider: Server) -> None:
    headers: dict[str, bytes | str] = {
        "Content-Type": FORM,
        "Content-Length": str(len(LARGE)),
        "Expect": "100-continue",
    }
    reply = send("POST", "/token", b"", headers)
    assert reply.status == 413
    assert reply.seconds < 15


@spec("RFC 9112", "8")
@pytest.mark.parametrize("path", ["/token", "/account/login/"])
def test_a_body_that_breaks_off_is_not_believed(provider: Server, path: str) -> None:
    address = urlsplit(ISSUER)
    head = f"POST {path} HTTP/1.1\r\nHost: {address.netloc}\r\nContent-Type: {FORM}\r\n"
    with socket.create_connection((address.hostname or "", address.port or 80), 10) as connection:
        connection.sendall(f"{head}Content-Length: 500\r\n\r\ngrant_type=x".encode())
        connection.shutdown(socket.SHUT_WR)
        answer = connection.recv(65536).decode()
    assert answer.startswith("HTTP/1.1 400"), answer
    assert path != "/token" or "broke off on its way" in answer


def test_the_limit_itself_is_taken(provider: Server) -> None:
    for size, status in ((LIMIT, 400), (LIMIT + 1, 413)):
        body = b"a=" + b"x" * (size - 2)
        assert send("POST", "/token", body, {"Content-Type": FORM}).status == status
