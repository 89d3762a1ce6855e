"""When the database breaks, every request gets an answer with a reference. SECURITY lines 46, 50.

A server of its own, on a database of its own, of which nothing is left but rubbish.
"""

import json
import secrets
from collections.abc import Iterator

import httpx
import pytest

from tests import secrecy
from tests.conftest import Server, make_sqlite_database
from tests.ports import free_port
from tests.relying_party import spec

INTERACTION = "p" * 43
PAGES = [
    "/account/login/",
    "/account/",
    f"/account/login/?next=/authorize%3Finteraction%3D{INTERACTION}",
    "/authorize?client_id=x&code={secret}",
    f"/consent?interaction={INTERACTION}",
]


@pytest.fixture(scope="module")
def broken(database: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A provider whose database was overwritten while it ran."""
    place = tmp_path_factory.mktemp("broken")
    path = place / "db.sqlite3"
    address = f"sqlite:///{path}"
    environment = {"DATABASE_URL": address, "CACHE_URL": "dbcache://django_cache"}
    make_sqlite_database(path)
    issuer = f"http://localhost:{free_port()}"
    server = Server(issuer, place / "log", "--threads", "2", **environment)
    server.wait()
    for file in place.glob("db.sqlite3*"):
        file.write_bytes(secrets.token_bytes(8192))
    yield server
    server.stop()


def a_secret() -> str:
    value = secrets.token_urlsafe(32)
    secrecy.used.note(value)
    return value


def the_line_of(response: httpx.Response, server: Server) -> dict[str, object]:
    """Return the one line that tells what broke."""
    [line] = server.logged(request_id=response.headers["X-Request-ID"], level="error")
    return line


@pytest.mark.parametrize("page", PAGES)
def test_a_user_gets_a_page_with_the_reference(broken: Server, page: str) -> None:
    headers = {
        "Cookie": f"signet-session={secrets.token_hex(16)}",
        "Referer": f"https://x?{a_secret()}",
    }
    url = broken.issuer + page.format(secret=a_secret())
    response = httpx.get(url, headers=headers)
    assert response.status_code == 500
    assert response.headers["Content-Type"].startswith("text/html")
    assert "no-store" in response.headers["Cache-Control"]
    assert response.headers["X-Frame-Options"] == "DENY"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert "form-action 'self'" in response.headers["Content-Security-Policy"]
    assert "Set-Cookie" not in response.headers
    assert f"<strong>{response.headers['X-Request-ID']}</strong>" in response.text
    line = the_line_of(response, broken)
    assert "Traceback" in str(line["exception"])
    assert "DatabaseError" in str(line["exception"])
    assert line["path"] == page.partition("?")[0]
    assert line["method"] == "GET"


def test_a_form_that_was_sent(broken: Server) -> None:
    token = secrets.token_hex(16)
    data = {"login": "ana@example.com", "password": a_secret(), "csrfmiddlewaretoken": token}
    headers = {"Cookie": f"signet-csrf={token}", "Origin": broken.issuer}
    response = httpx.post(f"{broken.issuer}/account/login/", data=data, headers=headers)
    assert response.status_code == 500
    assert the_line_of(response, broken)["path"] == "/account/login/"


@spec("RFC 6749", "5.2")
@pytest.mark.parametrize("origin", [None, "https://app.example.com"])
@pytest.mark.parametrize("path", ["/token", "/introspect", "/revoke", "/userinfo"])
def test_a_client_gets_the_protocols_words(broken: Server, path: str, origin: str | None) -> None:
    data = {"grant_type": "authorization_code", "code": a_secret(), "token": a_secret()}
    headers = {"Origin": origin} if origin else {}
    if path == "/userinfo":
        headers["Authorization"] = f"Bearer {a_secret()}"
        response = httpx.get(broken.issuer + path, headers=headers)
    else:
        auth = ("bakery", a_secret())
        response = httpx.post(broken.issuer + path, data=data, auth=auth, headers=headers)
    assert response.status_code == 500
    assert response.headers["Content-Type"] == "application/json"
    assert "no-store" in response.headers["Cache-Control"]
    answer = response.json()
    reference = response.headers["X-Request-ID"]
    assert answer.pop("error") == "server_error"
    assert answer.pop("error_description")
    assert answer.pop("error_uri").endswith(
        f"/developers/errors/server_error?reference={reference}"
    )
    assert answer == {}
    assert the_line_of(response, broken)["path"] == path


def test_what_needs_no_database_goes_on(broken: Server) -> None:
    assert httpx.get(f"{broken.issuer}/healthz").status_code == 200
    assert httpx.get(f"{broken.issuer}/readyz").status_code == 503
    assert httpx.get(f"{broken.issuer}/.well-known/openid-configuration").status_code == 200
    assert httpx.get(f"{broken.issuer}/static/signet.css").status_code == 200


def test_a_line_is_one_line_traceback_and_all(broken: Server) -> None:
    httpx.get(f"{broken.issuer}/account/login/", headers={"Cookie": "signet-session=" + "a" * 32})
    lines = broken.log.read_text().splitlines()
    assert any("Traceback" in line for line in lines)
    for line in lines:
        assert line.startswith("Serving ") or json.loads(line)
