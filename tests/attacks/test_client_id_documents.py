"""Documents at a client_id as a way in: what we are made to fetch, and what is made of it."""

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler

import httpx

from foundation import rate_limits
from idp import fetching, policy
from idp.models import Client
from idp.registration.rate_limit import REGISTRATIONS
from tests.assertions import jwks_of, make_key
from tests.attacks.test_registration import COLUMNS, TRUST
from tests.elsewhere import Elsewhere, answering, drip
from tests.introducing import introduced, let_go_stale
from tests.registering import REDIRECT_URI, document
from tests.relying_party import (
    ISSUER,
    Browser,
    EndUser,
    Registered,
    RelyingParty,
    is_error_page,
    is_page,
    make_client,
    spec,
    unique,
)

CIMD = "OAuth Client ID Metadata Document"
JSON = "application/json"


def at(client_id: str) -> Registered:
    """Return an app that is, or is not, at this address."""
    return Registered(client_id, None, {"redirect_uris": [REDIRECT_URI]})


def visit(browser: Browser, client: Registered) -> httpx.Response:
    return RelyingParty(at(client.client_id), browser, EndUser("", "", "")).visit()


def is_refused(browser: Browser, client: Registered) -> bool:
    """Whether the user sees an error page, without a redirect, and nothing is kept."""
    page = visit(browser, client)
    is_kept = Client.objects.filter(client_id=client.client_id).exists()
    return is_error_page(page) and not is_kept


@spec(CIMD, "3")
def test_addresses_that_are_none_are_not_fetched(browser: Browser, foreign_site: Elsewhere) -> None:
    site, port = foreign_site.address, foreign_site.port
    before = len(foreign_site.asked)
    for client_id in (
        f"http://localhost:{port}/app",
        f"HTTPS://localhost:{port}/app",
        site,
        f"{site}?x=1",
        f"{site}/app#fragment",
        f"{site}/app#",
        f"{site}/./app",
        f"{site}/a/../app",
        f"{site}/a/%2e%2E/app",
        f"{site}/app/..",
        f"https://somebody@localhost:{port}/app",
        f"https://:@localhost:{port}/app",
        f"https://127.0.0.1:{port}/app",  # not what the operator allowed
        f"https://[::1]:{port}/app",
        "https://[::1/app",
        f"https://localhost:{port}\\app",
        f"{site}/ä",
        f"{site}/a b",
        f"{site}/{'a' * 255}",
        "https://",
        "https:///app",
    ):
        assert is_refused(browser, at(client_id)), client_id
    assert len(foreign_site.asked) == before


@spec(CIMD, "4.1")
def test_what_a_document_may_not_say(browser: Browser, foreign_site: Elsewhere) -> None:
    key = make_key()
    public, private = jwks_of(key), {"keys": [key.export_private(as_dict=True)]}
    proven = {"token_endpoint_auth_method": "private_key_jwt"}
    for members in (
        {"client_id": f"{foreign_site.address}/another"},
        {"client_id": None},
        {"client_secret": "x" * 40},
        {"client_secret_expires_at": 0},
        {"token_endpoint_auth_method": "client_secret_basic"},
        {"token_endpoint_auth_method": "client_secret_post"},
        {"token_endpoint_auth_method": "client_secret_jwt"},
        {"token_endpoint_auth_method": "tls_client_auth"},
        {**proven, "jwks": public, "id_token_signed_response_alg": "HS256"},
        {**proven, "jwks": private},
        {**proven, "jwks": {"keys": [{**public["keys"][0], "kid": "\0"}]}},
        proven,
        {"redirect_uris": []},
        {"redirect_uris": ["javascript:alert(1)"]},
        {"redirect_uris": [REDIRECT_URI, "http://rp.example.com/callback"]},
        {"redirect_uris": [f"{REDIRECT_URI}#x"]},
        {"redirect_uris": "https://rp.example.com/callback"},
        {"redirect_uris": [5]},
        {"policy_uri": "javascript:alert(1)"},
        {"grant_types": ["implicit"], "response_types": ["token"]},
    ):
        path = f"/{unique('app')}"
        client = at(foreign_site.address + path)
        said = {"client_id": client.client_id, "token_endpoint_auth_method": "none"} | members
        foreign_site.says(path, json.dumps(document(**said)).encode())
        assert is_refused(browser, client), members


@spec(CIMD, "5")
def test_answers_that_are_no_document(browser: Browser, foreign_site: Elsewhere) -> None:
    good = introduced(foreign_site)
    body = json.dumps(good.metadata).encode()
    path = "/" + good.client_id.rpartition("/")[2]
    there = foreign_site.says(f"{path}/there", body)
    for answer in (
        answering(b"", status=302, Location=there),
        answering(b"", status=301, Location=there),
        answering(body, status=201),
        answering(body, status=404),
        answering(body, "text/html"),
        answering(body, "text/json"),
        answering(body + b" " * 64 * 1024),
        answering(body, Content_Encoding="gzip"),
        answering(b"\xff" + body),
        answering(b"[" * 30_000),
        answering(body[:-1] + b', "client_id": "x"}'),
        answering(b"null"),
    ):
        foreign_site.pages[path] = answer
        assert is_refused(browser, good)
    assert foreign_site.times(f"{path}/there") == 0
    foreign_site.says(path, body, "application/oauth-client+json; charset=utf-8")
    assert is_page(visit(browser, good), "/account/login/")


def test_nobody_trusts_an_app_for_what_its_document_says(
    browser: Browser, foreign_site: Elsewhere
) -> None:
    rows = []
    for boasts in ({}, TRUST):
        client = introduced(foreign_site, **boasts)
        visit(browser, client)
        [row] = Client.objects.filter(client_id=client.client_id).values(*COLUMNS)
        rows.append({name: row[name] for name in row if not name.endswith(("_at", "_hash"))})
    assert rows[0] == rows[1]


@spec(CIMD, "8.6")
def test_slow_servers_do_not_keep_all_threads(
    browser: Browser, foreign_site: Elsewhere, slow_hosts_forgotten: None
) -> None:
    """Of six visits one fetches and one waits for a moment; the others are told to try again."""
    enough = threading.Event()

    def slow(handler: BaseHTTPRequestHandler) -> None:
        enough.wait(20)
        answering(b"", status=404)(handler)

    paths = [f"/{unique('slow')}" for _ in range(6)]
    foreign_site.pages |= dict.fromkeys(paths, slow)

    def come(path: str) -> httpx.Response:
        query = {"client_id": foreign_site.address + path, "redirect_uri": REDIRECT_URI}
        return httpx.get(f"{ISSUER}/authorize", params=query, verify=False, timeout=30)

    with ThreadPoolExecutor(len(paths)) as threads:
        answers = [threads.submit(come, path) for path in paths]
        started = time.monotonic()
        while sum(answer.done() for answer in answers) < 4 and time.monotonic() - started < 4:
            time.sleep(0.05)
        assert sum(answer.done() for answer in answers) >= 4
        assert is_page(browser.open("/account/login/"), "/account/login/")
        enough.set()
    busy = [answer.result() for answer in answers if answer.result().status_code == 503]
    assert len(busy) >= 4
    assert all(1 <= int(answer.headers["Retry-After"]) <= 30 for answer in busy)
    assert all("temporarily_unavailable" in answer.text for answer in busy)


@spec(CIMD, "8.6")
def test_a_slow_server_is_left_alone_for_a_while(
    browser: Browser, foreign_site: Elsewhere, slow_hosts_forgotten: None
) -> None:
    path = f"/{unique('slow')}"
    foreign_site.pages[path] = drip
    started = time.monotonic()
    assert is_refused(browser, at(foreign_site.address + path))
    assert time.monotonic() - started < fetching.SECONDS[False] + 1
    asked = len(foreign_site.asked)
    client = introduced(foreign_site)
    query = {"client_id": client.client_id, "redirect_uri": REDIRECT_URI}
    refused = browser.get("/authorize", params=query)
    assert refused.status_code == 503
    assert refused.headers["Retry-After"] == str(fetching.LEFT_ALONE_FOR)
    assert len(foreign_site.asked) == asked
    # What an operator entered is not refused for what strangers do.
    entered = make_client(request_uris=[f"{foreign_site.address}/{unique('request')}"])
    party = RelyingParty(entered, browser, EndUser("", "", ""))
    answer = party.answer(party.visit(request_uri=entered.metadata["request_uris"][0]))
    assert answer.error == "invalid_request_uri"
    assert len(foreign_site.asked) == asked + 1


@spec("RFC 7591", "5")
def test_a_flood_of_documents_from_one_address(foreign_site: Elsewhere, provider: object) -> None:
    with Browser() as browser:
        known = introduced(foreign_site)
        visit(browser, known)
        for _ in range(policy.REGISTRATIONS_A_MINUTE - 1):
            rate_limits.count((REGISTRATIONS, browser.headers["X-Forwarded-For"]))
        new = introduced(foreign_site)
        assert visit(browser, new).status_code == 429
        assert foreign_site.times("/" + new.client_id.rpartition("/")[2]) == 0
        assert is_page(visit(browser, known), "/account/login/")  # nothing has to be fetched
        let_go_stale(known)
        assert visit(browser, known).status_code == 429
