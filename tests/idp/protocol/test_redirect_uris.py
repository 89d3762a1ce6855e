import pytest

from idp.protocol.redirect_uris import is_registered, origin_of, problem_with

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
        ("javascript:alert(1)", "javascript"),
        ("data:text/html,x", "data"),
        ("myapp://callback", "domain name"),
    ],
)
def test_unsound_uris_cannot(uri: str, says: str) -> None:
    assert says in (problem_with(uri, application_type="native") or "")


def test_a_custom_scheme_is_for_native_apps_only() -> None:
    assert "https" in (problem_with("com.example.app:/callback", application_type="web") or "")


def test_origin_of() -> None:
    assert origin_of("http://127.0.0.1:8001/callback") == "http://127.0.0.1:8001"
    assert origin_of("com.example.app:/callback") == "com.example.app:"
