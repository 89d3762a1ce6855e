"""The guarded way out, attacked: servers and a resolver of ours play the client's and the DNS."""

import gzip
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from ipaddress import ip_address
from typing import Any

import pytest

from idp import outbound
from idp.outbound import Bounds, OutboundError, Resolver, TooManyLookupsError, addresses_of
from tests.elsewhere import Authority, Elsewhere, answering, running
from tests.relying_party import spec

JSON = ("application/json",)


def fetch(
    url: str,
    content_types: tuple[str, ...],
    bounds: Bounds = outbound.USUAL,
    resolve: Resolver = addresses_of,
) -> bytes:
    """Return the content of an address."""
    return outbound.ask(url, content_types, bounds, resolve=resolve).body


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def running_elsewhere(authority: Authority) -> Iterator[Elsewhere]:
    with running(authority.certify("rp.example", "localhost"), "rp.example") as server:
        yield server


@pytest.fixture
def elsewhere(running_elsewhere: Elsewhere, authority: Authority, settings: Any) -> Elsewhere:
    """A site whose host an operator allowed, and whose authority they trust."""
    settings.IDP_OUTBOUND_ALLOW = ["rp.example"]
    settings.IDP_OUTBOUND_CA_BUNDLE = str(authority.file)
    running_elsewhere.pages.clear()
    running_elsewhere.asked.clear()
    return running_elsewhere


class Dns:
    """A resolver under the test's control: each answer in turn, the last one for good."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)
        self.asked = 0

    def __call__(self, _host: str) -> list[str]:
        self.asked += 1
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


HERE = Dns(["127.0.0.1"])


def test_what_is_fetched(elsewhere: Elsewhere) -> None:
    url = elsewhere.says("/keys?x=1", b'{"keys": []}', "application/json; charset=utf-8")
    assert fetch(f"{url}#fragment", JSON, resolve=HERE) == b'{"keys": []}'
    [(_path, headers)] = elsewhere.asked
    assert headers == {
        "Host": f"rp.example:{elsewhere.port}",
        "Accept": "application/json",
        "Accept-Encoding": "identity",
        "User-Agent": "Signet",
        "Connection": "close",
    }


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "127.8.9.1", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1"),
        *("169.254.169.254", "100.64.0.1", "192.0.0.8", "192.0.2.1", "198.18.0.1", "224.0.0.1"),
        *("240.0.0.1", "255.255.255.255", "192.88.99.1"),
        *("::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "fd12::1", "ff02::1"),
        *("::ffff:127.0.0.1", "::ffff:8.8.8.8", "::127.0.0.1", "::8.8.8.8"),
        *("64:ff9b::7f00:1", "64:ff9b:1::1", "2002:7f00:1::1", "2002:808:808::1"),
        *("2001:0:7f00:1::1", "2001:db8::1", "100::1", "5f00::1", "3fff::1", "fec0::1"),
    ],
)
def test_no_address_of_a_special_kind_is_reached(address: str) -> None:
    assert not outbound.is_public(ip_address(address))
    with pytest.raises(OutboundError, match="not on the public internet"):
        fetch("https://rp.example/keys", JSON, resolve=Dns([address]))


@pytest.mark.parametrize("address", ["8.8.8.8", "93.184.216.34", "2606:4700::1111", "2a00:1450::1"])
def test_public_addresses_are_public(address: str) -> None:
    assert outbound.is_public(ip_address(address))


def test_one_private_address_among_public_ones_is_enough() -> None:
    with pytest.raises(OutboundError, match="public internet"):
        fetch("https://rp.example/", JSON, resolve=Dns(["8.8.8.8", "10.0.0.1"]))


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "[::1]", "localhost", "2130706433", "0x7f.1", "0177.0.0.1", "127.1", "0"],
)
def test_an_address_of_this_machine_however_it_is_written(host: str, elsewhere: Elsewhere) -> None:
    elsewhere.says("/keys", b"{}")
    with pytest.raises(OutboundError):
        fetch(f"https://{host}:{elsewhere.port}/keys", JSON)
    assert not elsewhere.asked


def test_a_host_that_changes_its_address_is_looked_up_once(
    elsewhere: Elsewhere, settings: Any
) -> None:
    """DNS rebinding: public when it is looked at, private when it is connected to."""
    settings.IDP_OUTBOUND_ALLOW = ["127.0.0.2/32"]
    url = elsewhere.says("/keys", b"{}")
    rebinding = Dns(["127.0.0.2"], ["127.0.0.1"])
    with pytest.raises(OutboundError):
        fetch(url, JSON, resolve=rebinding)  # what was looked at is what was tried, and in vain
    assert rebinding.asked == 1
    assert not elsewhere.asked
    with pytest.raises(OutboundError, match="public internet"):
        fetch(url, JSON, resolve=rebinding)


def test_allowing_a_network(elsewhere: Elsewhere, settings: Any) -> None:
    settings.IDP_OUTBOUND_ALLOW = ["127.0.0.0/8"]
    assert fetch(elsewhere.says("/keys", b"{}"), JSON, resolve=HERE) == b"{}"


def test_allowing_a_host_at_one_port(elsewhere: Elsewhere, settings: Any) -> None:
    url = elsewhere.says("/keys", b"{}")
    settings.IDP_OUTBOUND_ALLOW = [f"rp.example:{elsewhere.port}"]
    assert fetch(url, JSON, resolve=HERE) == b"{}"
    settings.IDP_OUTBOUND_ALLOW = ["rp.example:1"]
    with pytest.raises(OutboundError, match="public internet"):
        fetch(url, JSON, resolve=HERE)


def test_the_certificate_has_to_be_the_hosts(elsewhere: Elsewhere, settings: Any) -> None:
    settings.IDP_OUTBOUND_ALLOW = ["other.example"]
    elsewhere.says("/keys", b"{}")
    with pytest.raises(OutboundError, match="certificate"):
        fetch(f"https://other.example:{elsewhere.port}/keys", JSON, resolve=HERE)
    assert not elsewhere.asked


def test_an_authority_that_nobody_trusts(elsewhere: Elsewhere, settings: Any) -> None:
    settings.IDP_OUTBOUND_CA_BUNDLE = ""
    with pytest.raises(OutboundError, match="certificate"):
        fetch(elsewhere.says("/keys", b"{}"), JSON, resolve=HERE)
    assert not elsewhere.asked


@pytest.mark.parametrize(
    "url",
    [
        *("http://rp.example/", "ftp://rp.example/", "file:///etc/passwd", "https:///x", "https:"),
        *("rp.example", "", "https://user@rp.example/", "https://user:word@rp.example/"),
        *("https://rp.example:99999/", "https://rp.example:x/", "https://[::1/", "//rp.example/"),
        *("https://rp.example/a b", "https://rp.example/\r\nX: y", "https://rp.example/ä"),
        *("https://rp.example\\@127.0.0.1/", "https://rp.example/" + "x" * 3000),
    ],
)
def test_addresses_that_are_never_tried(url: str, settings: Any) -> None:
    settings.IDP_OUTBOUND_ALLOW = ["rp.example", "user@rp.example"]
    nobody = Dns([])
    with pytest.raises(OutboundError):
        fetch(url, JSON, resolve=nobody)
    assert not nobody.asked


@pytest.mark.parametrize("host", ["x" * 300, "a..b", ".", "xn--.", "-", "nobody.invalid"])
def test_hosts_that_nobody_is(host: str) -> None:
    with pytest.raises(OutboundError):
        fetch(f"https://{host}/", JSON)


def test_http_is_for_an_allowed_host_of_this_machine_in_development(
    settings: Any,
) -> None:
    with running(None) as plain:
        url = plain.says("/keys", b"{}")
        settings.IDP_OUTBOUND_ALLOW = []
        with pytest.raises(OutboundError, match="https"):
            fetch(url, JSON)
        settings.IDP_OUTBOUND_ALLOW = ["localhost"]
        assert fetch(url, JSON) == b"{}"
        settings.IDP_DEVELOPMENT = False
        with pytest.raises(OutboundError, match="https"):
            fetch(url, JSON)


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_no_redirect_is_followed(elsewhere: Elsewhere, status: int) -> None:
    target = elsewhere.says("/target", b"{}")
    elsewhere.pages["/keys"] = answering(b"", status=status, Location=target)
    with pytest.raises(OutboundError, match="redirect"):
        fetch(f"{elsewhere.address}/keys", JSON, resolve=HERE)
    assert not elsewhere.times("/target")


@pytest.mark.parametrize("status", [201, 204, 206, 400, 404, 500])
def test_only_a_plain_success_counts(elsewhere: Elsewhere, status: int) -> None:
    elsewhere.pages["/keys"] = answering(b"{}", status=status)
    with pytest.raises(OutboundError, match=f"status {status}"):
        fetch(f"{elsewhere.address}/keys", JSON, resolve=HERE)


def test_another_content_type_is_refused(elsewhere: Elsewhere) -> None:
    for content_type in ("text/html", "", "application/jsonx"):
        with pytest.raises(OutboundError, match="content type"):
            fetch(elsewhere.says("/keys", b"{}", content_type), JSON, resolve=HERE)


def test_nothing_is_unpacked(elsewhere: Elsewhere) -> None:
    bomb = gzip.compress(b"0" * 50_000_000)
    url = elsewhere.says("/keys", bomb, Content_Encoding="gzip")
    with pytest.raises(OutboundError, match="compressed"):
        fetch(url, JSON, resolve=HERE)


def test_sizes(elsewhere: Elsewhere) -> None:
    fits = elsewhere.says("/fits", b"x" * outbound.MOST)
    assert len(fetch(fits, JSON, resolve=HERE)) == outbound.MOST
    with pytest.raises(OutboundError, match="larger"):
        fetch(elsewhere.says("/large", b"x" * (outbound.MOST + 1)), JSON, resolve=HERE)

    def endless(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Type", "application/json")
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        while True:
            handler.wfile.write(b"2000\r\n" + b"x" * 0x2000 + b"\r\n")

    elsewhere.pages["/endless"] = endless
    with pytest.raises(OutboundError, match="larger"):
        fetch(f"{elsewhere.address}/endless", JSON, resolve=HERE)


def test_what_breaks_off(elsewhere: Elsewhere) -> None:
    elsewhere.pages["/keys"] = answering(b"{}", Content_Length="100")
    with pytest.raises(OutboundError, match="broke off"):
        fetch(f"{elsewhere.address}/keys", JSON, resolve=HERE)


def drip_headers(handler: BaseHTTPRequestHandler) -> None:
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nX: ")
    while True:
        handler.wfile.write(b"y")
        time.sleep(0.1)


def drip_body(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Type", "application/json")
    handler.end_headers()
    while True:
        handler.wfile.write(b"y")
        time.sleep(0.1)


def go_on_for_ever(handler: BaseHTTPRequestHandler) -> None:
    while True:
        handler.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        time.sleep(0.1)


@pytest.mark.parametrize(
    "page", [drip_headers, drip_body, go_on_for_ever, lambda _handler: time.sleep(8)]
)
def test_a_slow_drip_has_no_more_time_than_silence(elsewhere: Elsewhere, page: object) -> None:
    elsewhere.pages["/keys"] = page  # type: ignore[assignment]
    began = time.monotonic()
    with pytest.raises(OutboundError, match="within 1 seconds"):
        fetch(f"{elsewhere.address}/keys", JSON, Bounds(seconds=1), resolve=HERE)
    assert time.monotonic() - began < 7


def test_a_resolver_that_never_answers() -> None:
    """Nobody waits for it, and no more than a few threads hang in it."""
    enough = threading.Event()

    def forever(_host: str) -> list[str]:
        enough.wait(10)
        return ["8.8.8.8"]

    bounds = Bounds(seconds=0.2, lookups=threading.BoundedSemaphore(2))
    before = threading.active_count()
    try:
        for _ in range(2):
            with pytest.raises(OutboundError, match="did not answer"):
                fetch("https://rp.example/", JSON, bounds, forever)
        with pytest.raises(TooManyLookupsError):
            fetch("https://rp.example/", JSON, bounds, forever)
        assert threading.active_count() - before == 2
    finally:
        enough.set()


class DrippingHandshake:
    """A server that answers a TLS handshake with one byte of a record at a time."""

    def __init__(self) -> None:
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._drip, daemon=True).start()

    def _drip(self) -> None:
        with suppress(OSError), self.listener, self.listener.accept()[0] as connection:
            connection.sendall(b"\x16\x03\x03\x40\x00")
            while True:
                connection.sendall(b"x")
                time.sleep(0.1)


def test_a_handshake_that_drips_has_no_more_time(settings: Any) -> None:
    settings.IDP_OUTBOUND_ALLOW, settings.IDP_OUTBOUND_CA_BUNDLE = ["rp.example"], ""
    url, began = f"https://rp.example:{DrippingHandshake().port}/", time.monotonic()
    with pytest.raises(OutboundError, match="within 1 seconds"):
        fetch(url, JSON, Bounds(seconds=1), resolve=HERE)
    assert time.monotonic() - began < 7


def test_no_proxy_of_the_environment_is_used(
    elsewhere: Elsewhere, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert fetch(elsewhere.says("/keys", b"{}"), JSON, resolve=HERE) == b"{}"


@spec("OIDC Core", "6.2")
def test_five_seconds_and_64_kilobytes_are_the_most() -> None:
    assert outbound.SECONDS <= 5
    assert outbound.MOST <= 64 * 1024
