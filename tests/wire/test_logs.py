"""What the log tells of a request, and how an operator finds it."""

import re
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from idp.models import Event
from tests.conftest import Server
from tests.ports import free_port
from tests.relying_party import ISSUER, Browser, EndUser, RelyingParty, make_client, unique

MADE = re.compile(r"[0-9a-f]{12}")


def denied(request_id: str | None = None) -> tuple[str, str]:
    """Send a request that is denied; return the client_id it named, and its id."""
    client_id = unique("nobody")
    headers = {"X-Request-ID": request_id} if request_id else {}
    data = {"grant_type": "client_credentials", "client_id": client_id}
    response = httpx.post(f"{ISSUER}/token", data=data, headers=headers, verify=False)
    assert response.status_code == 401
    return client_id, response.headers["X-Request-ID"]


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/healthz", 200),
        ("/account/login/", 200),
        ("/nothing-here", 404),
        ("/account/%00", 400),
        ("/userinfo", 401),
        ("/authorize", 400),
        ("/static/signet.css", 200),
    ],
)
def test_every_answer_has_an_id_of_its_own(provider: Server, path: str, status: int) -> None:
    answers = [httpx.get(ISSUER + path, verify=False) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [status, status]
    ids = [answer.headers["X-Request-ID"] for answer in answers]
    assert len(set(ids)) == 2
    assert all(map(MADE.fullmatch, ids))


def test_lines_events_and_answer_have_the_same_id(provider: Server) -> None:
    client_id, request_id = denied()
    [line] = provider.logged(request_id=request_id)
    event = Event.objects.get(client_id=client_id)
    assert line["event"] == "denied"
    assert line["reference"] == event.reference
    assert event.details["request_id"] == request_id


def test_the_proxys_id_is_kept(provider: Server) -> None:
    given = unique("proxy_1.A")
    client_id, request_id = denied(given)
    assert request_id == given
    assert provider.logged(client_id=client_id)[0]["request_id"] == given


@pytest.mark.parametrize("given", ["x" * 65, "a b", "a,b", "ä", '"', "{}", "a/b", "a:b"])
def test_an_id_that_is_none_is_not_taken(provider: Server, given: str) -> None:
    headers = {"X-Request-ID": given.encode()}
    response = httpx.get(f"{ISSUER}/healthz", headers=headers, verify=False)
    assert MADE.fullmatch(response.headers["X-Request-ID"])


@pytest.fixture(scope="module")
def directly(database: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A provider with no proxy before it, and one thread for all requests."""
    issuer = f"http://localhost:{free_port()}"
    log = tmp_path_factory.mktemp("directly") / "log"
    server = Server(issuer, log, "--threads", "1", IDP_TRUSTED_PROXY_COUNT="0")
    server.wait()
    yield server
    server.stop()


def test_without_a_proxy_nobody_gives_ids(directly: Server) -> None:
    response = httpx.get(f"{directly.issuer}/healthz", headers={"X-Request-ID": "mine"})
    assert MADE.fullmatch(response.headers["X-Request-ID"])


def test_a_thread_forgets_the_id_before_the_next_request(directly: Server) -> None:
    form = {"grant_type": "client_credentials"}
    ids = []
    for client_id in (one := unique("nobody"), other := unique("nobody")):
        response = httpx.post(f"{directly.issuer}/token", data={**form, "client_id": client_id})
        ids.append(response.headers["X-Request-ID"])
    assert [directly.logged(client_id=name)[0]["request_id"] for name in (one, other)] == ids


def test_issued_tokens_are_told_without_being_shown(
    provider: Server, browser: Browser, user: EndUser
) -> None:
    client = make_client(grant_types=["authorization_code", "refresh_token"])
    app = RelyingParty(client, browser, user)
    tokens = app.tokens(scope="openid offline_access")
    app.refresh(tokens["refresh_token"])
    first, second = provider.logged(event="tokens_issued", client_id=client.client_id)
    assert first["grant_type"] == "authorization_code"
    assert second["grant_type"] == "refresh_token"
    for line in (first, second):
        assert line["sub"] == user.sub
        assert line["scope"] == "offline_access openid"
        assert line["issued"] == ["access_token", "refresh_token", "id_token"]
        assert MADE.fullmatch(line["request_id"])


def test_a_machines_tokens_are_nobodys(provider: Server) -> None:
    client = make_client(grant_types=["client_credentials"], response_types=[], redirect_uris=None)
    httpx.post(
        f"{ISSUER}/token",
        data={"grant_type": "client_credentials"},
        auth=(client.client_id, client.secret or ""),
        verify=False,
    )
    [line] = provider.logged(event="tokens_issued", client_id=client.client_id)
    assert (line["sub"], line["issued"]) == (None, ["access_token"])


def test_a_grant_that_fails_tells_of_no_tokens(
    relying_party: RelyingParty, provider: Server
) -> None:
    code = relying_party.authorize().code
    assert relying_party.exchange(code, code_verifier="w" * 43).status_code == 400
    client_id = relying_party.client.client_id
    assert provider.logged(event="tokens_issued", client_id=client_id) == []


def test_the_servers_own_lines_are_like_the_others(directly: Server) -> None:
    assert directly.logged(logger="_granian")
    assert not directly.logged(logger="_granian", level="warning")
    told = [line for line in Path(directly.log).read_text().splitlines() if line[:1] != "{"]
    assert [line for line in told if not line.startswith("Serving ")] == []


def test_an_operators_handler_sees_every_logger(
    database: None, tmp_path_factory: pytest.TempPathFactory
) -> None:
    directory = tmp_path_factory.mktemp("operator")
    server = Server(
        f"http://localhost:{free_port()}",
        directory / "log",
        DJANGO_SETTINGS_MODULE="tests.foundation.operators_settings",
        OPERATORS_LOG=str(directory / "second"),
    )
    server.wait()
    try:
        httpx.post(f"{server.issuer}/token", data={"grant_type": "x"})
        httpx.get(f"{server.issuer}/account/login/", headers={"Host": "elsewhere.example"})
    finally:
        server.stop()
    lines = (directory / "second").read_text().splitlines()
    seen = {tuple(line.split(" ")[:2]) for line in lines}
    assert ("WARNING", "idp.events") in seen
    assert ("ERROR", "django.security.DisallowedHost") in seen
    assert ("INFO", "_granian") in seen
    assert server.logged(event="denied")
    assert server.logged(logger="django.security.DisallowedHost")
