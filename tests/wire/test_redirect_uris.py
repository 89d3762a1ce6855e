"""Which addresses are answered, and how they are built. RFC 6749 §3.1.2, RFC 8252 §7."""

from dataclasses import replace

import pytest

from tests.relying_party import (
    Browser,
    EndUser,
    Registered,
    RelyingParty,
    is_error_page,
    make_client,
    spec,
)

NATIVE = {"application_type": "native", "token_endpoint_auth_method": "none"}


def at(redirect_uri: str, client: Registered) -> Registered:
    """The client as one of its instances knows it: answered at this address."""
    return replace(client, metadata={**client.metadata, "redirect_uris": [redirect_uri]})


@spec("RFC 6749", "3.1.2")
@pytest.mark.parametrize(
    "redirect_uri",
    [
        "https://rp.example.com/callback?tenant=a%20b&x=",
        "https://rp.example.com",
        "https://RP.example.com:443/a/../b",
        "http://localhost:3000/callback",
        "https://rp.example.com/%E2%82%AC",
    ],
)
def test_a_registered_address_comes_back_untouched(
    browser: Browser, user: EndUser, redirect_uri: str
) -> None:
    client = make_client(redirect_uris=[redirect_uri])
    relying_party = RelyingParty(client, browser, user)
    answer = relying_party.authorize()
    assert answer.url.startswith(f"{redirect_uri}{'&' if '?' in redirect_uri else '?'}code=")
    assert relying_party.exchange(answer.code).status_code == 200


@spec("RFC 6749", "3.1.2.3")
def test_each_of_several_addresses_is_answered_and_leaving_it_out_is_not(
    browser: Browser, user: EndUser
) -> None:
    uris = ["https://rp.example.com/one", "https://rp.example.com/two"]
    client = make_client(redirect_uris=uris)
    for uri in uris:
        relying_party = RelyingParty(at(uri, client), browser, user)
        assert relying_party.authorize().url.startswith(f"{uri}?code=")
        assert is_error_page(relying_party.visit(redirect_uri=None))


@spec("OIDC Core", "3.1.2.1")
def test_the_address_is_required_also_where_only_one_is_registered(
    relying_party: RelyingParty,
) -> None:
    assert is_error_page(relying_party.visit(redirect_uri=None))


@spec("RFC 8252", "7.3")
@pytest.mark.parametrize(
    ("registered", "sent"),
    [
        ("http://127.0.0.1/callback", "http://127.0.0.1:49152/callback"),
        ("http://127.0.0.1:8000/callback", "http://127.0.0.1:51004/callback"),
        ("http://127.0.0.1:8000/callback", "http://127.0.0.1/callback"),
        ("http://[::1]/callback?app=1", "http://[::1]:51004/callback?app=1"),
    ],
)
def test_a_native_client_listens_at_any_port_of_its_loopback_address(
    browser: Browser, user: EndUser, registered: str, sent: str
) -> None:
    client = make_client(redirect_uris=[registered], **NATIVE)
    app = RelyingParty(at(sent, client), browser, user)
    answer = app.authorize()
    assert answer.url.startswith(sent)
    assert app.exchange(answer.code).status_code == 200


@spec("RFC 8252", "7.1")
def test_a_native_client_is_answered_at_its_own_scheme(browser: Browser, user: EndUser) -> None:
    uri = "com.example.app:/callback"
    app = RelyingParty(make_client(redirect_uris=[uri], **NATIVE), browser, user)
    answer = app.authorize()
    assert answer.url.startswith(f"{uri}?code=")
    assert app.exchange(answer.code).status_code == 200


@spec("RFC 6749", "4.1.3")
@pytest.mark.parametrize("redirect_uri", [None, "https://rp.example.com/callback/"])
def test_the_exchange_repeats_the_address(
    relying_party: RelyingParty, redirect_uri: str | None
) -> None:
    code = relying_party.authorize().code
    response = relying_party.exchange(code, redirect_uri=redirect_uri)
    assert response.json()["error"] == "invalid_grant"


@spec("RFC 8252", "7.3")
def test_the_exchange_repeats_the_port_too(browser: Browser, user: EndUser) -> None:
    client = make_client(redirect_uris=["http://127.0.0.1/callback"], **NATIVE)
    app = RelyingParty(at("http://127.0.0.1:49152/callback", client), browser, user)
    response = app.exchange(app.authorize().code, redirect_uri="http://127.0.0.1:49153/callback")
    assert response.json()["error"] == "invalid_grant"
