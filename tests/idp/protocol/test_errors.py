"""Errors: their codes, and what may be said. RFC 6749 §4.1.2.1."""

from idp.protocol.errors import UnregisteredRedirectUri, printable


def test_an_error_stays_one_of_its_code() -> None:
    error = UnregisteredRedirectUri("redirect_uri", "https://x.example")
    assert error.code == "invalid_request"
    assert "https://x.example" not in error.description


def test_printable() -> None:
    assert printable('a"b\\c\u00e9\n') == "a?b?c??"
    assert len(printable("x" * 1000)) == 300
