"""The issuer identifier is spelled as browsers spell it, or refused."""

import pytest

from idp import urls
from idp.issuer import OWN_SEGMENTS, UnusableIssuerError, host_of, normalized, origin_of, path_of
from tests.relying_party import spec


@spec("RFC 3986", "6.2")
@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("https://id.example.com", "https://id.example.com"),
        ("https://id.example.com/", "https://id.example.com"),
        ("HTTPS://ID.Example.COM", "https://id.example.com"),
        ("https://id.example.com:443", "https://id.example.com"),
        ("http://localhost:80", "http://localhost"),
        ("https://id.example.com:8443", "https://id.example.com:8443"),
        ("http://id.example.com:443", "http://id.example.com:443"),
        ("https://Bücher.example", "https://xn--bcher-kva.example"),
        ("https://xn--bcher-kva.example", "https://xn--bcher-kva.example"),
        ("https://faß.example:443/", "https://xn--fa-hia.example"),
        ("http://[2001:DB8:0::1]:8000", "http://[2001:db8::1]:8000"),
        ("https://192.0.2.1", "https://192.0.2.1"),
        ("https://example.com/auth", "https://example.com/auth"),
        ("https://Example.com/Auth/", "https://example.com/Auth"),
        ("https://example.com/a/b~c/d.e_f-g//", "https://example.com/a/b~c/d.e_f-g"),
    ],
)
def test_one_spelling(written: str, meant: str) -> None:
    assert normalized(written) == meant
    assert normalized(meant) == meant


@spec("OIDC Core", "2")
@pytest.mark.parametrize(
    "written",
    [
        "",
        "id.example.com",
        "ftp://id.example.com",
        "https://",
        "https://example.com/a//b",
        "https://example.com//auth",
        "https://example.com/./auth",
        "https://example.com/auth/..",
        "https://example.com/auth/%2e%2e/x",
        "https://example.com/a%20b",
        "https://example.com/ü",
        "https://example.com/auth;x",
        "https://example.com/a:b",
        "https://example.com/account",
        "https://example.com/admin/x",
        "https://example.com/.well-known/x",
        "https://id.example.com?",
        "https://id.example.com?a=b",
        "https://id.example.com#",
        "https://user:password@id.example.com",
        "https://id.example.com:0",
        "https://id.example.com:65536",
        "https://id.example.com:https",
        "https://id example.com",
        "https://id.example.com\n",
        "https://id.example.com.",
        "https://id_provider.example",
        "https://-id.example.com",
        "https://" + "a" * 64 + ".example",
        "https://[::1",
        "https://[::1].example",
        "https://[fe80::1%25eth0]",
        "https://‮.example",
    ],
)
def test_what_is_no_issuer(written: str) -> None:
    with pytest.raises(UnusableIssuerError):
        normalized(written)


def test_no_issuer_begins_like_a_path_of_ours() -> None:
    routes = [str(pattern.pattern) for pattern in urls.urlpatterns]
    ours = {route.removeprefix("^").partition("/")[0] for route in routes} | {
        "static",
        ".well-known",
    }
    assert ours - {""} == OWN_SEGMENTS


def test_origin_and_path() -> None:
    assert origin_of("https://example.com:8443/a/b") == "https://example.com:8443"
    assert path_of("https://example.com:8443/a/b") == "/a/b"
    assert path_of("https://example.com") == ""


def test_the_host_that_requests_name() -> None:
    assert host_of("https://id.example.com:8443") == "id.example.com"
    assert host_of("http://[::1]:8000") == "[::1]"
