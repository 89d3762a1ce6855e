"""Where a request came from: every form that reverse proxies send, and IPv6 by its network."""

import pytest
import structlog
from django.test import RequestFactory

from foundation import client_address
from foundation.client_address import network_of, rate_limit_key


def request(forwarded: str | None = None, remote: str = "192.0.2.1", **headers: str):
    forwarded_for = {} if forwarded is None else {"HTTP_X_FORWARDED_FOR": forwarded}
    return RequestFactory().get("/", REMOTE_ADDR=remote, **forwarded_for, **headers)


@pytest.fixture
def proxies(settings):
    """Say how many reverse proxies are trusted."""

    def trusted(count: int) -> None:
        settings.IDP_TRUSTED_PROXY_COUNT = count

    return trusted


@pytest.mark.parametrize(
    ("entry", "address"),
    [
        ("203.0.113.7", "203.0.113.7"),
        ("203.0.113.7:51234", "203.0.113.7"),
        ("2001:db8::1", "2001:db8::1"),
        ("[2001:db8::1]", "2001:db8::1"),
        ("[2001:db8::1]:443", "2001:db8::1"),
        ('"[2001:db8::1]:443"', "2001:db8::1"),
        ("[fe80::1%eth0]:443", "fe80::1"),
        ("::ffff:203.0.113.7", "203.0.113.7"),
        ("unknown", None),
        ("_hidden", None),
        ("203.0.113.999", None),
        ("", None),
    ],
)
def test_every_form_of_an_entry(proxies, entry: str, address: str | None) -> None:
    proxies(1)
    assert client_address.client_address(request(f"198.51.100.1, {entry}")) == address


def test_only_entries_of_trusted_proxies_count(proxies) -> None:
    sent = "6.6.6.6, 203.0.113.7, 10.0.0.1"
    for count, address in ((0, "192.0.2.1"), (1, "10.0.0.1"), (2, "203.0.113.7")):
        proxies(count)
        assert client_address.client_address(request(sent)) == address
    proxies(4)  # fewer came than there are proxies: it did not come through them
    assert client_address.client_address(request(sent)) == "192.0.2.1"


def test_ipv6_counts_by_its_network() -> None:
    assert network_of("2001:db8:1:2:3:4:5:6") == network_of("2001:db8:1:2::1")
    assert network_of("2001:db8:1:2::1") != network_of("2001:db8:1:3::1")
    assert network_of("203.0.113.7") != network_of("203.0.113.8")


def test_unreadable_addresses_share_no_key(proxies) -> None:
    proxies(1)
    keys = {rate_limit_key(request(entry)) for entry in ("unknown", "_hidden", "_other")}
    keys.add(rate_limit_key(request("unknown", HTTP_USER_AGENT="Another browser")))
    assert len(keys) == 4


def test_an_unreadable_entry_is_logged_once(proxies, monkeypatch: pytest.MonkeyPatch) -> None:
    proxies(1)
    monkeypatch.setattr(client_address, "_logged", set())
    with structlog.testing.capture_logs() as logged:
        for _ in range(3):
            client_address.client_address(request("_logged_in_this_test"))
    assert [line["sent"] for line in logged] == ["_logged_in_this_test"]
