"""What comes from outside is text on our pages; nobody frames them."""

import re
from html import unescape

import httpx
import pytest

from tests.relying_party import (
    ISSUER,
    Browser,
    EndUser,
    RelyingParty,
    make_client,
    make_user,
    spec,
)

SCRIPT = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>{{7*7}}{% debug %}"
PATHS = [
    "/account/login/",
    "/account/signup/",
    "/account/password/reset/",
    "/authorize",
    "/consent",
    "/access_denied",
    "/x",
]


def is_inert(page: httpx.Response) -> bool:
    """Whether nothing of SCRIPT is markup or template on the page."""
    assert "<script>alert" not in page.text
    assert "<img src=x" not in page.text
    assert not re.search(r'="[^"]*"\s*\'?>\s*<script>alert', page.text)
    assert not re.search(r'(href|src|action|formaction|content)="\s*javascript:', page.text)
    return "49" not in re.findall(r"onerror=alert\(1\)&gt;(\S\S)", page.text)


@spec("ASVS", "1.2.1")
@pytest.mark.parametrize(
    "name",
    [
        "client_id",
        "redirect_uri",
        "response_type",
        "response_mode",
        "scope",
        "prompt",
        "state",
    ],
)
def test_parameters_are_text_on_the_error_page(relying_party: RelyingParty, name: str) -> None:
    page = relying_party.visit(**{"redirect_uri": "https://evil.example", name: SCRIPT})
    assert page.status_code == 400
    assert is_inert(page)
    if name in {"redirect_uri", "scope"}:
        assert SCRIPT in unescape(page.text)


@spec("ASVS", "1.2.1")
def test_names_of_repeated_parameters_are_text(browser: Browser) -> None:
    page = browser.get("/authorize", params=[(SCRIPT, "1"), (SCRIPT, "2")])
    assert page.status_code == 400
    assert is_inert(page)


@spec("ASVS", "1.2.1")
def test_the_names_of_app_and_user_are_text_on_every_page(browser: Browser) -> None:
    user = make_user(name=SCRIPT, nickname=SCRIPT, address={"formatted": SCRIPT})
    relying_party = RelyingParty(make_client(client_name=SCRIPT), browser, user)
    page = relying_party.visit(scope="openid profile address", login_hint=SCRIPT, state=SCRIPT)
    assert is_inert(page)
    assert SCRIPT in unescape(page.text)
    consent = browser.sign_in(user, page)
    assert consent.url.path == "/consent"
    assert is_inert(consent)
    assert SCRIPT in unescape(consent.text)
    assert is_inert(browser.open("/account/"))


@spec("ASVS", "1.2.1")
@pytest.mark.parametrize("path", ["/account/login/", "/account/signup/", "/consent"])
def test_the_address_itself_is_text(browser: Browser, path: str) -> None:
    for name in ("next", "interaction", "x"):
        assert is_inert(browser.open(path, **{name: SCRIPT}))
        assert is_inert(browser.open(path, **{name: "javascript:alert(1)//"}))


@spec("RFC 6749", "4.1.2")
def test_nothing_in_the_state_becomes_a_header_or_a_parameter(returning: RelyingParty) -> None:
    response = returning.visit(state="x\r\nSet-Cookie: a=b\r\n\r\n<script>&code=y")
    assert "Set-Cookie" not in response.headers or "a=b" not in response.headers["Set-Cookie"]
    assert "\n" not in response.headers["Location"]
    assert returning.answer(response).code != "y"


@spec("ASVS", "3.4.3")
@pytest.mark.parametrize("path", PATHS)
def test_pages_run_no_strangers_script_and_are_not_framed(provider: object, path: str) -> None:
    headers = httpx.get(f"{ISSUER}{path}", follow_redirects=True, verify=False).headers
    directives = dict(
        directive.strip().partition(" ")[::2]
        for directive in headers["Content-Security-Policy"].split(";")
    )
    assert directives["default-src"] == "'none'"
    assert directives["script-src"] == "'self'"
    assert directives["style-src"] == "'self'"
    assert directives["frame-ancestors"] == "'none'"
    assert directives["base-uri"] == "'none'"
    assert directives["object-src"] == "'none'"
    assert directives["form-action"] == "'self'"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"


@spec("ASVS", "3.4.3")
@pytest.mark.parametrize(
    "redirect_uri",
    [
        "https://rp.example.com/callback",
        "http://127.0.0.1:5000/callback",
        "com.example.app:/callback",
    ],
)
def test_no_form_leads_away_from_us(browser: Browser, user: EndUser, redirect_uri: str) -> None:
    client = make_client(
        application_type="native",
        token_endpoint_auth_method="none",
        redirect_uris=[redirect_uri],
    )
    login = RelyingParty(client, browser, user).visit()
    consent = browser.sign_in(user, login)
    going = browser.submit(consent, "allow").history[0]
    for shown in (login, consent, going):
        policy = shown.headers["Content-Security-Policy"]
        assert re.search(r"form-action ([^;]*)", policy)[1] == "'self'"  # type: ignore[index]


@spec("ASVS", "3.4.6")
@pytest.mark.parametrize("path", PATHS)
def test_pages_load_nothing_of_others_and_hold_no_inline_script(
    provider: object, path: str
) -> None:
    text = httpx.get(f"{ISSUER}{path}", follow_redirects=True, verify=False).text
    assert "<style" not in text
    assert not re.search(r"<[^>]+\s(style|on\w+)=", text)
    assert not re.search(r"<script(?![^>]*\ssrc=)", text)
    assert re.findall(r'(?:src|<link[^>]*href)="([^"]*)"', text)
    assert not re.findall(r'(?:src|<link[^>]*href)="((?:https?:)?//[^"]*)"', text)


@spec("ASVS", "3.4.3")
def test_a_clients_logo_opens_the_page_to_no_other_origin(browser: Browser, user: EndUser) -> None:
    client = make_client(logo_uri="https://cdn.example.com/logo.png")
    page = RelyingParty(client, browser, user).visit()
    policy = page.headers["Content-Security-Policy"]
    images = re.search(r"img-src ([^;]*)", policy)[1]  # type: ignore[index]
    assert images.split() == ["'self'"]
    assert "cdn.example.com" not in page.text
