"""No user is sent to an address that was not registered. RFC 9700 §4.1, §4.11."""

import pytest

from tests.relying_party import (
    ISSUER,
    Browser,
    EndUser,
    RelyingParty,
    is_error_page,
    is_page,
    make_client,
    spec,
)

REGISTERED = "https://rp.example.com/callback"
NEAR = [
    f"{REGISTERED}/",
    f"{REGISTERED}?x=1",
    f"{REGISTERED}?",
    f"{REGISTERED}#",
    f"{REGISTERED}#x",
    f"{REGISTERED}/../evil",
    f"{REGISTERED}/..%2fevil",
    f"{REGISTERED}%20",
    f"{REGISTERED} ",
    f" {REGISTERED}",
    f"{REGISTERED}\n",
    f"{REGISTERED}\\@evil.example",
    f"{REGISTERED}.evil.example",
    f"{REGISTERED};evil",
    "https://rp.example.com/Callback",
    "https://rp.example.com/%63allback",
    "https://rp.example.com//callback",
    "https://rp.example.com/./callback",
    "https://rp.example.com",
    "https://rp.example.com/",
    "https://RP.example.com/callback",
    "https://rp.example.com:443/callback",
    "https://rp.example.com:444/callback",
    "https://rp.example.com./callback",
    "https://www.rp.example.com/callback",
    "https://rp.example.com.evil.example/callback",
    "https://rp.example.com@evil.example/callback",
    "https://rp.example.com%2f@evil.example/callback",
    "https://rp.example.com\\.evil.example/callback",
    "https://evil.example/callback",
    "https://evil.example#rp.example.com/callback",
    "https://evil.example/https://rp.example.com/callback",
    "https://rp.ex\u0430mple.com/callback",
    "http://rp.example.com/callback",
    "HTTPS://rp.example.com/callback",
    "//rp.example.com/callback",
    "/callback",
    "callback",
    "javascript:alert(1)//https://rp.example.com/callback",
    "data:text/html,x",
    f"{REGISTERED}\r\nX: y",
    "https://rp.example.com/callback\0",
    "*",
]
LOOPBACK = [
    "http://localhost:8000/callback",
    "http://127.0.0.2:8000/callback",
    "http://127.1:8000/callback",
    "http://0x7f000001/callback",
    "http://2130706433/callback",
    "http://[::1]:8000/callback",
    "http://[::ffff:127.0.0.1]/callback",
    "http://127.0.0.1:8000@evil.example/callback",
    "http://127.0.0.1:8000.evil.example/callback",
    "http://127.0.0.1.evil.example/callback",
    "http://127.0.0.1:8000/callback/",
    "http://127.0.0.1:8000/callback?x",
    "http://127.0.0.1:8000/other",
    "http://127.0.0.1:8000",
    "http://127.0.0.1:x/callback",
    "http://127.0.0.1:/callback",
    "http://127.0.0.1:123456/callback",
    "http://127.0.0.1: 80/callback",
    "https://127.0.0.1:8000/callback",
    "http://user@127.0.0.1:8000/callback",
    "http://127.0.0.1\\:8000/callback",
]


@spec("RFC 9700", "2.1")
@pytest.mark.parametrize("redirect_uri", NEAR, ids=ascii)
def test_a_near_miss_is_answered_on_a_page(settled: RelyingParty, redirect_uri: str) -> None:
    page = settled.visit(redirect_uri=redirect_uri)
    assert is_error_page(page)
    assert 'href="http' not in page.text.replace(f'href="{ISSUER}/developers/', "")


@spec("RFC 8252", "7.3")
@pytest.mark.parametrize("redirect_uri", LOOPBACK)
def test_only_the_port_of_a_loopback_address_is_free(
    browser: Browser, user: EndUser, redirect_uri: str
) -> None:
    client = make_client(
        application_type="native",
        token_endpoint_auth_method="none",
        redirect_uris=["http://127.0.0.1:5000/callback"],
    )
    assert is_error_page(RelyingParty(client, browser, user).visit(redirect_uri=redirect_uri))


@spec("RFC 9700", "4.1.3")
def test_the_port_of_a_websites_loopback_address_is_not_free(
    browser: Browser, user: EndUser
) -> None:
    client = make_client(redirect_uris=["http://127.0.0.1:5000/callback"])
    page = RelyingParty(client, browser, user).visit(redirect_uri="http://127.0.0.1:5001/callback")
    assert is_error_page(page)


@spec("RFC 9700", "4.1.3")
def test_another_clients_address_is_not_this_clients(settled: RelyingParty) -> None:
    other = make_client(redirect_uris=["https://other.example.com/callback"])
    assert is_error_page(settled.visit(redirect_uri=other.redirect_uri))


@spec("RFC 9700", "4.11.2")
@pytest.mark.parametrize(
    "wrong",
    [
        {"prompt": "none"},
        {"response_type": "x"},
        {"response_type": None},
        {"response_mode": "form_post"},
        {"scope": None},
        {"request": "x"},
        {"request_uri": "https://evil.example"},
        {"max_age": "x"},
        {"code_challenge": "x"},
        {"id_token_hint": "x"},
        {"client_id": "unknown"},
    ],
    ids=str,
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_nothing_else_that_is_wrong_sends_anybody_to_an_unverified_address(
    settled: RelyingParty, wrong: dict[str, str | None], method: str
) -> None:
    parameters = settled.parameters(**{"redirect_uri": "https://evil.example/", **wrong})
    if method == "POST":
        page = settled.browser.post("/authorize", data=parameters)
    else:
        page = settled.browser.get("/authorize", params=parameters)
    assert is_error_page(page)


@spec("RFC 6749", "3.1")
@pytest.mark.parametrize("name", ["client_id", "redirect_uri"])
@pytest.mark.parametrize("order", [1, -1])
def test_two_addresses_or_clients_are_none(settled: RelyingParty, name: str, order: int) -> None:
    sound = settled.parameters(prompt="none")
    pairs = [*sound.items(), (name, "https://evil.example/")][::order]
    assert is_error_page(settled.browser.get("/authorize", params=pairs))
    query = dict([pairs[0] if order < 0 else pairs[-1]])
    page = settled.browser.post("/authorize", params=query, data=sound)
    assert is_error_page(page)


LOGIN = "/account/login/"
NEXT = [
    "https://evil.example/",
    "//evil.example/",
    "///evil.example/",
    "/\\evil.example/",
    "\\\\evil.example/",
    "/\t/evil.example/",
    "http:evil.example",
    "http:///evil.example",
    "javascript:alert(1)",
    "data:text/html,x",
    " https://evil.example/",
    "\x01https://evil.example/",
    "{issuer}@evil.example/",
    "{issuer}.evil.example/",
    "https:/evil.example",
    "//evil.example\\@localhost/",
]


@spec("ASVS", "10.6.2")
@pytest.mark.parametrize("target", NEXT, ids=ascii)
def test_signing_in_and_out_leads_to_pages_of_ours_only(
    relying_party: RelyingParty, target: str
) -> None:
    browser, target = relying_party.browser, target.format(issuer=ISSUER)
    page = browser.sign_in(relying_party.user, browser.get(LOGIN, params={"next": target}))
    assert is_page(page, "/account/")
    for path in (LOGIN, "/account/signup/", "/account/confirm-email/"):
        response = browser.get(path, params={"next": target})
        assert response.is_redirect
        assert is_page(browser.settle(response), "/account/")
    asked = browser.get("/account/logout/", params={"next": target})
    assert is_page(browser.submit(asked, "confirm-logout"), "/account/signed-out/")


@spec("ASVS", "10.6.2")
@pytest.mark.parametrize("target", NEXT, ids=ascii)
def test_the_language_switch_leads_to_pages_of_ours_only(browser: Browser, target: str) -> None:
    page = browser.open("/account/login/")
    token = page.text.partition('csrfmiddlewaretoken" value="')[2].partition('"')[0]
    response = browser.post(
        "/language",
        data={"csrfmiddlewaretoken": token, "language": "de", "next": target.format(issuer=ISSUER)},
        headers={"Referer": "https://evil.example/"},
    )
    assert str(browser.settle(response).url).startswith(f"{ISSUER}/")
    assert "evil" not in response.headers.get("Location", "").partition("?")[0]
