import pytest

from idp.protocol.addresses import is_on_the_web, parse, taken_parameter


@pytest.mark.parametrize(
    "uri",
    [
        "https://rp.example.com",
        "https://rp.example.com:1/a?b=c#d",
        "https://rp.example.com:65535/",
        "https://rp.example.com:0443/",
        "http://127.0.0.1/callback",
        "http://[::1]/callback",
        "http://[2001:db8::7]:8443/callback",
        "https://xn--bckerei-5wa.example/",
    ],
)
def test_web_addresses(uri: str) -> None:
    assert parse(uri) is not None
    assert is_on_the_web(uri)


@pytest.mark.parametrize(
    "uri",
    [
        "http://[::1].example/callback",
        "http://[::1].example:8000/callback",
        "http://x[::1]/callback",
        "http://[::1]x:80/callback",
        "http://[::1]]/callback",
        "http://[[::1]]/callback",
        "http://[::1%25eth0]/callback",
        "http://[v1.x]/callback",
        "http://[12345::1]/callback",
        "http://[127.0.0.1]/callback",
        "http://::1/callback",
        "https://rp.example.com:0/callback",
        "https://rp.example.com:00/callback",
        "https://rp.example.com:65536/callback",
        "https://rp.example.com:" + "9" * 5000,
        "https://rp.example.com:-1/callback",
        "https://rp.example.com:+80/callback",
        "https://rp.example.com:\uff18\uff10/callback",
        "https://rp.example.com:80:81/callback",
        "https://user@[::1].example/callback",
        "https://evil.example\\.rp.example.com/callback",
        "https://rp.example.com/call\\back",
        "https://rp.example.com/call back",
        "https://rp.example.com/\x7f",
        "https://bäckerei.example/",
        "//rp.example.com/callback",
        "rp.example.com",
        "",
    ],
)
def test_what_is_no_address(uri: str) -> None:
    assert parse(uri) is None
    assert not is_on_the_web(uri)


@pytest.mark.parametrize(
    "uri",
    [
        "https:///callback",
        "https://:443/callback",
        "https://user@rp.example.com/",
        "https://rp%2Eexample.com/",
        "https://*.example.com/",
        "com.example.app:/callback",
        "ftp://rp.example.com/",
    ],
)
def test_addresses_that_are_not_on_the_web(uri: str) -> None:
    assert parse(uri) is not None
    assert not is_on_the_web(uri)


@pytest.mark.parametrize(
    ("uri", "taken"),
    [
        ("https://rp.example.com/?state=x", "state"),
        ("https://rp.example.com/?a=b&st%61te=x", "state"),
        ("https://rp.example.com/?state", "state"),
        ("https://rp.example.com/?State=x&states=y", None),
        ("https://rp.example.com/state", None),
    ],
)
def test_a_parameter_that_an_address_has_itself(uri: str, taken: str | None) -> None:
    assert taken_parameter(uri, {"state", "code"}) == taken
