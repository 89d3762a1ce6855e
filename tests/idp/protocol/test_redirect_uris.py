import time
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idp.protocol.redirect_uris import (
    differences,
    is_registered,
    nearest,
    origin_of,
    problem_with,
    problem_with_scheme,
)

WEB = ["https://rp.example.com/callback?tenant=1"]
LOOPBACK = ["http://127.0.0.1/callback", "http://[::1]:4000/callback"]


def test_a_registered_uri_matches_itself() -> None:
    assert is_registered(WEB[0], WEB, native=False)


@pytest.mark.parametrize(
    "uri",
    [
        "https://rp.example.com/callback",
        "https://rp.example.com/callback?tenant=1&x=1",
        "https://rp.example.com/callback?tenant=1#",
        "https://RP.example.com/callback?tenant=1",
        "https://rp.example.com:443/callback?tenant=1",
        "https://rp.example.com/callback/?tenant=1",
        "https://rp.example.com/a/../callback?tenant=1",
        "https://rp.example.com/%63allback?tenant=1",
        "https://rp.example.com@evil.example/callback?tenant=1",
        "http://rp.example.com/callback?tenant=1",
        " https://rp.example.com/callback?tenant=1",
        "",
    ],
)
def test_anything_but_the_very_characters_does_not(uri: str) -> None:
    assert not is_registered(uri, WEB, native=True)


@pytest.mark.parametrize("port", ["", ":1", ":4000", ":51004", ":65535"])
@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]"])
def test_a_native_loopback_address_takes_any_port(host: str, port: str) -> None:
    assert is_registered(f"http://{host}{port}/callback", LOOPBACK, native=True)


@pytest.mark.parametrize(
    "uri",
    [
        "http://localhost:51004/callback",
        "http://127.0.0.1:51004/other",
        "http://127.0.0.1:51004/callback?x=1",
        "http://127.0.0.1:51004@evil.example/callback",
        "http://127.0.0.1:port/callback",
        "http://127.0.0.1:999999/callback",
        "http://127.0.0.2:51004/callback",
        "https://127.0.0.1:51004/callback",
        "http://127.0.0.1.evil.example:80/callback",
    ],
)
def test_and_nothing_else(uri: str) -> None:
    assert not is_registered(uri, LOOPBACK, native=True)


def test_a_website_has_no_such_exception() -> None:
    assert not is_registered("http://127.0.0.1:51004/callback", LOOPBACK, native=False)


@pytest.mark.parametrize(
    ("uri", "application_type"),
    [
        ("https://rp.example.com/callback", "web"),
        ("http://localhost:8001/callback", "web"),
        ("http://127.0.0.1/callback", "native"),
        ("com.example.app:/callback", "native"),
        ("https://app.example.com/callback", "native"),
    ],
)
def test_sound_uris_can_be_registered(uri: str, application_type: str) -> None:
    assert problem_with(uri, application_type=application_type) is None


@pytest.mark.parametrize(
    ("uri", "says"),
    [
        ("/callback", "absolute"),
        ("https://rp.example.com/call back", "absolute"),
        ("https://rp.example.com/\u00fc", "absolute"),
        ("https://rp.example.com/callback#x", "fragment"),
        ("http://rp.example.com/callback", "http://"),
        ("https://*.example.com/callback", "Wildcards"),
        ("https://user:pass@rp.example.com/callback", "password"),
        ("https:///callback", "host"),
        ("https://rp.example.com:port/callback", "absolute"),
        ("javascript:alert(1)", "scheme"),
        ("data:text/html,x", "scheme"),
        ("myapp://callback", "domain name"),
    ],
)
def test_unsound_uris_cannot(uri: str, says: str) -> None:
    assert says in (problem_with(uri, application_type="native") or "")


def test_a_custom_scheme_is_for_native_apps_only() -> None:
    assert "https" in (problem_with("com.example.app:/callback", application_type="web") or "")


@pytest.mark.parametrize(
    ("uri", "is_sound"),
    [
        ("cursor://anysphere.cursor-mcp/oauth/callback", True),
        ("cursor:/callback", True),
        ("cursors:/callback", False),
        ("my-cursor:/callback", False),
        ("javascript:alert(1)", False),
        ("cursor:/callback#x", False),
    ],
)
def test_schemes_without_a_dot_that_an_operator_lists(uri: str, is_sound: bool) -> None:
    listed = ("cursor", "javascript")
    said = problem_with(uri, application_type="native", private_schemes=listed)
    assert (said is None) is is_sound
    assert problem_with(uri, application_type="web", private_schemes=listed) is not None


@pytest.mark.parametrize("scheme", ["http", "https", "javascript", "data", "a:", "", "a/b", "ü"])
def test_schemes_that_cannot_be_listed(scheme: str) -> None:
    assert problem_with_scheme(scheme)
    assert problem_with_scheme("vscode-insiders") is None


def test_origin_of() -> None:
    assert origin_of("http://127.0.0.1:8001/callback") == "http://127.0.0.1:8001"
    assert origin_of("com.example.app:/callback") == "com.example.app:"


REGISTERED = "https://rp.example.com/callback"


@pytest.mark.parametrize(
    ("sent", "says"),
    [
        (REGISTERED, []),
        (f"{REGISTERED}/", ["The path ends with / in one and not in the other."]),
        (
            "http://rp.example.com/callback",
            ["The scheme differs: http came, https is registered."],
        ),
        (
            "HTTPS://rp.example.com/callback",
            ["The scheme differs in upper and lower case only: HTTPS came, https is registered."],
        ),
        (
            "https://RP.example.com/callback",
            [
                (
                    "The host differs in upper and lower case only: "
                    "RP.example.com came, rp.example.com is registered."
                )
            ],
        ),
        (
            "https://www.example.com:8443/callback",
            [
                "The host differs: www.example.com came, rp.example.com is registered.",
                "It has a port (8443), the registered address has none.",
            ],
        ),
        (
            "https://rp.example.com/Callback",
            [
                (
                    "The path differs in upper and lower case only: "
                    "/Callback came, /callback is registered."
                )
            ],
        ),
        (
            "https://rp.example.com/%63allback",
            [
                (
                    "The path differs in percent-encoding only: "
                    "/%63allback came, /callback is registered."
                )
            ],
        ),
        ("https://rp.example.com", ["It has no path, the registered address has one (/callback)."]),
        (f"{REGISTERED}?a=1", ["It has a query (?a=1), the registered address has none."]),
        (f"{REGISTERED}?", ["It has a query (?), the registered address has none."]),
        (f"{REGISTERED}#x", ["It has a fragment (#x), the registered address has none."]),
        (f" {REGISTERED}", ["It begins or ends with a space."]),
        (
            "https://rp.example.com@evil.example/callback",
            [
                "It has a user name (rp.example.com@), the registered address has none.",
                "The host differs: evil.example came, rp.example.com is registered.",
            ],
        ),
        ("callback", ["It is not an absolute URI of printable ASCII characters."]),
        (
            "https://rp.example.com/\u00fc",
            ["It is not an absolute URI of printable ASCII characters."],
        ),
        ("https://[::1/callback", ["It is not an absolute URI of printable ASCII characters."]),
    ],
)
def test_differences(sent: str, says: list[str]) -> None:
    assert differences(sent, REGISTERED) == says


def test_differences_from_addresses_of_other_kinds() -> None:
    assert differences("http://127.0.0.1:80/x", "http://[::1]:81/x") == [
        "The host differs: 127.0.0.1 came, [::1] is registered.",
        "The port differs: 80 came, 81 is registered.",
    ]
    assert differences("com.example.app:/x", "com.example.app:/y") == [
        "The path differs: /x came, /y is registered."
    ]


def test_the_port_of_a_native_loopback_address_is_no_difference() -> None:
    sent, registered = "http://127.0.0.1:5000/x", "http://127.0.0.1/callback"
    assert len(differences(sent, registered)) == 2
    assert differences(sent, registered, native=True) == [
        "The path differs: /x came, /callback is registered."
    ]


@given(st.text(st.characters(codec="ascii")), st.text(st.characters(codec="ascii")))
def test_what_differs_is_always_told(sent: str, path: str) -> None:
    registered = f"https://rp.example.com/{quote(path)}"
    for uri in (sent, f"https://rp.example.com/{sent}", registered + sent):
        assert (differences(uri, registered) == []) == (uri == registered)


def test_nearest() -> None:
    others = ["https://rp.example.com/other", "https://evil.example/x", "com.example.app:/callback"]
    assert nearest("http://rp.example.com/callback/", [*others, REGISTERED]) == REGISTERED
    assert nearest("x", []) is None
    assert nearest("", others) in others


def test_nearest_takes_no_time_worth_naming_however_odd_the_addresses() -> None:
    registered = [f"https://rp.example.com/{'ab' * 500}{i}" for i in range(200)]
    began = time.thread_time()
    assert nearest("https://rp.example.com/" + "ba" * 30_000, registered)
    assert time.thread_time() - began < 2
