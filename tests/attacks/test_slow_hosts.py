"""Apps whose servers drip: nobody else waits for them. RFC 9101 §10.4, RFC 7591 §5.

Each attack is thirty strangers at once, who come again and again, at a server with the threads that
`serve` has by default. What is measured is the sign-in page beside it.
"""

import json
import random
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from django.conf import settings

from idp import fetching
from tests.assertions import assertion_of, form_of, jwks_of, make_key, make_key_client, sign
from tests.conftest import Server
from tests.elsewhere import Authority, Elsewhere, drip, running
from tests.ports import free_port
from tests.registering import REDIRECT_URI, document, manage, register, replaceable
from tests.relying_party import (
    ISSUER,
    Browser,
    RelyingParty,
    make_client,
    make_user,
    spec,
    unique,
)

ATTACKERS = 30
#: Seconds until each comes again.
PAUSE = 2
#: Visits to the sign-in page for one figure.
VISITS = 150
#: What a busy machine may add to a 99th percentile, in seconds; who waits for a server that drips
#: waits longer.
NOISE = 0.15
#: A machine that was busy with something else is measured again: a thread that is held is held each
#: time.
ROUNDS = 3
#: Addresses of this machine that no other test uses, so that a slow host is nobody else's.
HOSTS = [f"127.77.{third}.{fourth}" for third in range(9) for fourth in range(1, 30)]
KEY = make_key()


@pytest.fixture(scope="module")
def slow_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Elsewhere]:
    """A web server under many names, which drips wherever nothing else is said."""
    authority = Authority(Path(settings.IDP_OUTBOUND_CA_BUNDLE).parent, "slow")
    with running(authority.certify(*HOSTS), HOSTS[0], "0.0.0.0") as site:
        site.authority = authority
        yield site


@pytest.fixture(scope="module")
def small_provider(
    provider: Server, slow_site: Elsewhere, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """A provider with as many threads as it has unless told otherwise."""
    server = Server(
        f"http://localhost:{free_port()}",
        tmp_path_factory.mktemp("small") / "log",
        IDP_OUTBOUND_ALLOW="127.77.0.0/16",
        IDP_OUTBOUND_CA_BUNDLE=str(slow_site.authority.file),
    )
    server.wait()
    yield server
    server.stop()
    assert "Traceback" not in server.log.read_text(), server.log.read_text()[-8000:]


@pytest.fixture
def hosts() -> Iterator[str]:
    """Hosts that were not slow yet."""
    return iter([HOSTS.pop() for _ in range(12)])


def from_anywhere() -> dict[str, str]:
    return {"X-Forwarded-For": ".".join(str(random.randint(1, 250)) for _ in range(4))}


class Attack:
    """Strangers who come again and again, until the block is over."""

    def __init__(self, come: Callable[[httpx.Client], httpx.Response]) -> None:
        self.come = come
        self.enough = threading.Event()
        self.statuses: list[int] = []

    def __enter__(self) -> "Attack":
        self.threads = [threading.Thread(target=self._go_on) for _ in range(ATTACKERS)]
        for thread in self.threads:
            thread.start()
        time.sleep(0.5)
        return self

    def __exit__(self, *_: object) -> None:
        self.enough.set()
        for thread in self.threads:
            thread.join()

    def _go_on(self) -> None:
        with httpx.Client(timeout=60, verify=False) as client:
            while not self.enough.is_set():
                self.statuses.append(self.come(client).status_code)
                self.enough.wait(random.uniform(0.5, 1.5) * PAUSE)


def p99_of_sign_in_page(server: Server) -> float:
    """Return the 99th percentile of what the page takes for two users at once, in seconds."""

    def visit(_: int) -> list[float]:
        times = []
        with httpx.Client(timeout=60, verify=False) as client:
            for _ in range(VISITS // 2):
                began = time.monotonic()
                page = client.get(f"{server.issuer}/account/login/", headers=from_anywhere())
                times.append(time.monotonic() - began)
                assert page.status_code == 200
                time.sleep(0.01)
        return times

    with ThreadPoolExecutor(2) as users:
        times = [took for each in users.map(visit, range(2)) for took in each]
    return statistics.quantiles(times, n=100)[98]


def by_request_uri(server: Server, site: Elsewhere, hosts: Iterator[str]) -> list[dict[str, str]]:
    """Return what strangers ask for: requests that are left at addresses that drip."""
    asked = []
    for host in hosts:
        uri = f"https://{host}:{site.port}/request.jwt"
        app = register(issuer=server.issuer, jwks=jwks_of(KEY), request_uris=[uri]).json()
        asked.append({"client_id": app["client_id"], "request_uri": uri})
    return asked


def by_jwks_uri(server: Server, site: Elsewhere, hosts: Iterator[str]) -> list[dict[str, str]]:
    """Return requests that are signed with keys at addresses that drip."""
    asked = []
    for host in hosts:
        uri = f"https://{host}:{site.port}/jwks"
        app = register(issuer=server.issuer, jwks_uri=uri).json()
        signed = sign({"client_id": app["client_id"], "response_type": "code"}, KEY)
        asked.append({"client_id": app["client_id"], "request": signed})
    return asked


def by_document(_server: Server, site: Elsewhere, hosts: Iterator[str]) -> list[dict[str, str]]:
    """Return requests of apps whose documents drip."""
    return [{"client_id": f"https://{host}:{site.port}/{unique('app')}"} for host in hosts]


def by_request_uri_of_document(
    _server: Server, site: Elsewhere, hosts: Iterator[str]
) -> list[dict[str, str]]:
    """Return requests of apps whose documents are quick, and name a request_uri that drips."""
    asked = []
    for host in hosts:
        path = f"/{unique('app')}"
        client_id, uri = (f"https://{host}:{site.port}{end}" for end in (path, "/request.jwt"))
        site.says(path, said_of(client_id, request_uris=[uri], jwks=jwks_of(KEY)))
        asked.append({"client_id": client_id, "request_uri": uri})
    return asked


def said_of(client_id: str, **members: object) -> bytes:
    metadata = document(client_id=client_id, token_endpoint_auth_method="none", **members)
    return json.dumps(metadata).encode()


AT_AUTHORIZE = [by_request_uri, by_jwks_uri, by_document, by_request_uri_of_document]


@spec("RFC 9101", "10.4")
@pytest.mark.parametrize("several", [False, True], ids=["one host", "many hosts"])
@pytest.mark.parametrize("kind", AT_AUTHORIZE)
def test_the_sign_in_page_beside_strangers_that_drip(
    small_provider: Server,
    slow_site: Elsewhere,
    hosts: Iterator[str],
    kind: Callable[..., list[dict[str, str]]],
    several: bool,
) -> None:
    slow_site.pages.clear()
    slow_site.otherwise = drip
    asked = kind(small_provider, slow_site, hosts if several else iter([next(hosts)]))

    def come(client: httpx.Client) -> httpx.Response:
        query = {**random.choice(asked), "redirect_uri": REDIRECT_URI}
        address = f"{small_provider.issuer}/authorize"
        return client.get(address, params=query, headers=from_anywhere())

    is_served_beside(small_provider, come)


@spec("OIDC Dynamic Client Registration", "5")
@pytest.mark.parametrize("several", [False, True], ids=["one host", "many hosts"])
def test_the_sign_in_page_beside_registrations_that_drip(
    small_provider: Server,
    slow_site: Elsewhere,
    hosts: Iterator[str],
    several: bool,
) -> None:
    slow_site.otherwise = drip
    addresses = [f"https://{host}:{slow_site.port}/sector" for host in hosts]

    def come(client: httpx.Client) -> httpx.Response:
        uri = random.choice(addresses if several else addresses[:1])
        body = document(subject_type="pairwise", sector_identifier_uri=uri)
        address = f"{small_provider.issuer}/register"
        return client.post(address, json=body, headers=from_anywhere())

    is_served_beside(small_provider, come)


def is_served_beside(server: Server, come: Callable[[httpx.Client], httpx.Response]) -> None:
    """Fail where the page takes longer beside an attack than twice what it usually does."""
    for _ in range(ROUNDS):
        before = p99_of_sign_in_page(server)
        with Attack(come) as attack:
            attacked = p99_of_sign_in_page(server)
        usual = max(before, p99_of_sign_in_page(server))
        figures = f"usual {usual * 1000:.0f} ms, attacked {attacked * 1000:.0f} ms"
        print(f"p99 of the sign-in page: {figures}")
        assert len(attack.statuses) >= ATTACKERS
        assert set(attack.statuses) <= {303, 400, 503}
        if attacked <= max(2 * usual, usual + NOISE):
            return
    pytest.fail(figures)


@spec("RFC 7592", "2.2")
def test_nobody_waits_for_a_replacement_whose_sector_drips(
    small_provider: Server, slow_site: Elsewhere, hosts: Iterator[str]
) -> None:
    """What is fetched is fetched before rows are locked, on SQLite the whole database."""
    slow_site.otherwise, path = drip, f"/{unique('sector')}"
    information = register(issuer=small_provider.issuer).json()
    sector = {"subject_type": "pairwise"}
    sector["sector_identifier_uri"] = f"https://{next(hosts)}:{slow_site.port}{path}"
    with ThreadPoolExecutor(1) as threads:
        body = replaceable(information, **sector)
        replaced = threads.submit(manage, "PUT", information, body=body)
        soon(lambda: slow_site.times(path) == 1)
        assert register(issuer=small_provider.issuer).status_code == 201
        assert not replaced.done()
    assert replaced.result().json()["error"] == "invalid_client_metadata"


@spec("OIDC Core", "10.2")
def test_nobody_waits_for_the_key_that_an_answer_is_encrypted_to(
    provider: Server, foreign_site: Elsewhere, slow_hosts_forgotten: None
) -> None:
    path = f"/{unique('jwks')}"
    foreign_site.pages[path] = drip
    client = make_client(
        grant_types=["implicit"],
        response_types=["id_token"],
        jwks_uri=foreign_site.address + path,
        id_token_encrypted_response_alg="ECDH-ES",
    )
    with Browser() as browser, ThreadPoolExecutor(1) as threads:
        party = RelyingParty(client, browser, make_user())
        consent = browser.sign_in(party.user, party.visit(response_type="id_token"))
        answered = threads.submit(browser.submit, consent, "allow")
        soon(lambda: foreign_site.times(path) == 1)
        assert register().status_code == 201
        assert not answered.done()
        assert "error=invalid_client_metadata" in answered.result().headers["Location"]


@spec("RFC 6749", "5.2")
def test_what_has_to_wait_says_for_how_long(
    provider: Server, foreign_site: Elsewhere, slow_hosts_forgotten: None
) -> None:
    """An app whose keys can't be had just now is told to try again, not that it is wrong."""
    answers = []
    for query in ("1", "2"):
        key_client = make_key_client(KEY, jwks_uri=f"{foreign_site.address}/slow-jwks?{query}")
        foreign_site.pages[f"/slow-jwks?{query}"] = drip
        form = {"grant_type": "client_credentials"}
        form |= form_of(assertion_of(key_client, KEY))
        answers.append(httpx.post(f"{ISSUER}/token", data=form, timeout=30))
    assert answers[0].status_code == 401  # it was asked, and in vain
    assert answers[1].status_code == 503
    assert answers[1].json()["error"] == "temporarily_unavailable"
    assert answers[1].headers["Retry-After"] == str(fetching.LEFT_ALONE_FOR)
    registration = register(
        subject_type="pairwise", sector_identifier_uri=f"{foreign_site.address}/slow-jwks?1"
    )
    again = register(
        subject_type="pairwise", sector_identifier_uri=f"{foreign_site.address}/slow-jwks?1"
    )
    assert (registration.status_code, again.status_code) == (400, 503)
    assert again.headers["Retry-After"] == str(fetching.LEFT_ALONE_FOR)


def soon(holds: Callable[[], bool]) -> None:
    until = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.02)
