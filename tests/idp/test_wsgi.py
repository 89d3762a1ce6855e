"""The WSGI entrance: an operator's middleware and Django's signals at each kind of endpoint."""

import threading
from collections.abc import Iterator
from typing import Any
from wsgiref.util import setup_testing_defaults

import httpx
import pytest
from django.conf import settings
from django.db import connections

from accounts.models import User
from tests.conftest import Server
from tests.in_process import InProcess
from tests.ports import free_port
from tests.relying_party import make_user

#: An endpoint of each kind, and an attribute of the request that only its view asks for.
PATHS = {
    "/token": "method",
    "/userinfo": "method",
    "/authorize": "method",
    "/account/login/": "user",
    "/jwks": "method",
    "/healthz": "method",
}


@pytest.fixture(scope="module")
def server(database: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server whose operator has middleware."""
    server = Server(
        f"http://localhost:{free_port()}",
        tmp_path_factory.mktemp("server") / "log",
        IDP_EXTRA_MIDDLEWARE="tests.idp.watching.Watching",
    )
    server.wait()
    yield server
    server.stop()


@pytest.mark.parametrize("path", PATHS)
def test_added_middleware_sees_every_endpoint(server: Server, path: str) -> None:
    before = len(server.logged(event="finished"))
    response = httpx.get(server.issuer + path, headers={"Origin": "https://spa.example"})
    assert response.status_code < 500
    request_id = response.headers["X-Request-ID"]
    (seen,) = server.logged(event="view", path=path, request_id=request_id)
    assert seen["view"]
    (answered,) = server.logged(event="answered", path=path, request_id=request_id)
    assert answered["route"] == path[1:]
    assert server.logged(event="started", path=path)
    assert len(server.logged(event="finished")) > before


@pytest.mark.parametrize("path", PATHS)
def test_added_middleware_sees_what_breaks(server: Server, path: str) -> None:
    response = httpx.get(server.issuer + path, headers={"X-Break": PATHS[path]})
    assert response.status_code == 500
    request_id = response.headers["X-Request-ID"]
    (seen,) = server.logged(event="exception", path=path, request_id=request_id)
    assert seen["reason"] == "broken by a test"
    assert server.logged(event="broke", path=path, request_id=request_id)
    assert "no-store" in response.headers["Cache-Control"]
    (line,) = server.logged(level="error", request_id=request_id)
    assert "broken by a test" in line["exception"]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
@pytest.mark.parametrize("path", ["/healthz", "/authorize", "/account/login/", "/jwks"])
def test_responses_have_their_length(server: Server, method: str, path: str) -> None:
    response = httpx.request(method, server.issuer + path)
    assert int(response.headers["Content-Length"]) > 0
    assert "Transfer-Encoding" not in response.headers


def test_a_response_that_streams_has_its_connection_closed(database: None) -> None:
    """The export of events goes on without a slot, on a connection that nothing else would end."""
    from idp.wsgi import application

    user = User.objects.get(email=make_user(is_staff=True, is_superuser=True).email)
    browser = InProcess()
    browser.force_login(user)
    cookies = "; ".join(f"{name}={cookie.value}" for name, cookie in browser.cookies.items())
    environ: dict[str, Any] = {
        "PATH_INFO": "/admin/idp/event/export/csv/",
        "HTTP_HOST": settings.IDP_ISSUER.partition("://")[2],
        "HTTP_COOKIE": cookies,
        "REMOTE_ADDR": "127.0.0.1",
    }
    setup_testing_defaults(environ)
    seen: dict[str, Any] = {}

    def export() -> None:
        response = application(environ, lambda status, _headers: seen.update(status=status))
        chunks = iter(response)
        seen["columns"], _row = next(chunks), next(chunks)
        seen["open"] = _is_connected()
        b"".join(chunks)
        seen["open afterwards"] = _is_connected()

    thread = threading.Thread(target=export)
    thread.start()
    thread.join()
    assert seen["status"] == "200 OK"
    assert seen["columns"].startswith(b"reference,")
    assert seen["open"]
    assert not seen["open afterwards"]


def _is_connected() -> bool:
    return any(one.connection is not None for one in connections.all(initialized_only=True))
