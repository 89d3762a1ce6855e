"""Secrets where they don't belong, and lines that an attacker writes. SECURITY line 49.

What was logged and recorded during a test is searched for every secret of the run after it.
"""

import json
import secrets
from base64 import b64encode
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from idp.models import Event
from tests import secrecy
from tests.attacks import raw
from tests.conftest import Server, recorded_events
from tests.relying_party import (
    ISSUER,
    Browser,
    EndUser,
    RelyingParty,
    make_client,
    spec,
    unique,
)

#: What ends a line, moves a terminal's cursor, or turns the text around.
CONTROLS = [
    "\n",
    "\r\n",
    "\x1b[2K\x1b[1A",
    "\x9b2K",
    "\u2028",
    "\u202e",
    "\x00",
    "\x08" * 9,
    "\ud800",
]
FORGED = '{"event": "signed-in", "level": "info"}'


@pytest.fixture(autouse=True)
def nothing_leaks(provider: Server) -> Iterator[None]:
    """Afterwards: no secret in what the server said, nor in what it recorded."""
    before = provider.log.stat().st_size
    newest = Event.objects.order_by("-id").values_list("id", flat=True).first() or 0
    yield
    said = provider.log.read_bytes()[before:].decode()
    assert secrecy.used.leaks(said) == []
    assert secrecy.used.leaks(recorded_events(after=newest)) == []
    for line in said.splitlines():
        json.loads(line)


def a_secret() -> str:
    """Return something that must not be in a log."""
    value = secrets.token_urlsafe(32)
    secrecy.used.note(value)
    return value


@pytest.fixture
def tokens(settled: RelyingParty) -> dict[str, Any]:
    return settled.tokens()


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/account/login/", "login"),
        ("/account/signup/", "email"),
        ("/account/password/reset/", "email"),
    ],
)
def test_a_password_typed_where_the_address_belongs(
    browser: Browser, user: EndUser, path: str, field: str
) -> None:
    page = browser.open(path)
    others = {"login": {"password": user.password}, "email": {}}[field]
    if path == "/account/signup/":
        others = {"password1": user.password}
    for typed in (user.password, f"{user.password}@example.com"):
        browser.submit(page, **{field: typed}, **others)


def test_a_wrong_password_that_is_nearly_right(browser: Browser, user: EndUser) -> None:
    typed = EndUser(user.email, f"{user.password}x", user.sub)
    page = browser.type_password(typed)
    assert page.url.path == "/account/login/"
    assert Event.objects.filter(user__email=user.email, kind="sign-in-failed").exists()


@spec("RFC 6749", "2.3.1")
@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(
    "path", ["/token", "/authorize", "/introspect", "/revoke", "/userinfo", "/end_session", "/x"]
)
def test_secrets_in_the_address(
    settled: RelyingParty, tokens: dict[str, Any], path: str, method: str
) -> None:
    query = {
        "client_id": settled.client.client_id,
        "client_secret": settled.client.secret or "",
        "access_token": tokens["access_token"],
        "id_token_hint": tokens["id_token"],
        "token": tokens["access_token"],
        "code": a_secret(),
        "password": settled.user.password,
    }
    response = httpx.request(method, ISSUER + path, params=query, verify=False)
    assert response.status_code < 500


@pytest.mark.parametrize("path", ["/userinfo", "/token", "/account/login", "/account/x"])
def test_a_token_within_the_path(tokens: dict[str, Any], path: str) -> None:
    for token in (tokens["access_token"], tokens["id_token"], f"{tokens['access_token']}%00"):
        assert httpx.get(f"{ISSUER}{path}/{token}", verify=False).status_code in {400, 404}


@spec("RFC 9700", "4.2.4")
@pytest.mark.parametrize("origin", [None, "https://rp.example.com/?code={}", "null"])
def test_a_code_in_the_referer(settled: RelyingParty, origin: str | None) -> None:
    """Over https, Django compares the Referer of a form, and says so where it doesn't fit."""
    code = settled.authorize().code or ""
    headers = {
        "Referer": f"https://rp.example.com/callback?code={code}&iss=x#access_token={code}",
        "X-Forwarded-Proto": "https",
        **({"Origin": origin.format(code)} if origin else {}),
    }
    with Browser() as browser:
        browser.open("/account/login/")
        refused = browser.post("/account/login/", data={"login": "a@example.com"}, headers=headers)
        assert refused.status_code < 500
    for path in ("/account/login/", "/authorize", "/token", "/nothing"):
        httpx.get(ISSUER + path, headers=headers, verify=False)


@pytest.mark.parametrize("name", ["redirect_uri", "post_logout_redirect_uri", "resource", "scope"])
def test_an_app_that_sends_its_own_address_with_what_came_there(
    settled: RelyingParty, tokens: dict[str, Any], name: str
) -> None:
    """`redirect_uri=window.location` is a common mistake: the last answer's code is still there."""
    code = settled.authorize().code or ""
    address = f"{settled.client.redirect_uri}?x=1&code={code}#id_token={tokens['id_token']}"
    parameters = settled.parameters(**{name: address})
    for path in ("/authorize", "/end_session", "/token"):
        httpx.get(ISSUER + path, params=parameters, verify=False)
        httpx.post(ISSUER + path, data=parameters, verify=False)
    settled.exchange(code, **{name: address})


@pytest.mark.parametrize("path", ["/token", "/introspect", "/revoke"])
def test_id_and_secret_the_wrong_way_round(provider: Server, path: str) -> None:
    client = make_client()
    secret = client.secret or ""
    secrecy.used.note(b64encode(f"{secret}:{client.client_id}".encode()).decode())
    form = {"grant_type": "client_credentials", "token": a_secret()}
    swapped = {"client_id": secret, "client_secret": client.client_id}
    answers = [
        httpx.post(ISSUER + path, data=form, auth=(secret, client.client_id), verify=False),
        httpx.post(ISSUER + path, data={**form, **swapped}, verify=False),
        httpx.get(f"{ISSUER}/authorize", params={"client_id": secret}, verify=False),
    ]
    assert [answer.status_code for answer in answers] == [401, 401, 400]


@pytest.mark.parametrize("scheme", ["Basic", "Bearer", "bearer", "Token", ""])
def test_headers_that_say_too_much(tokens: dict[str, Any], scheme: str) -> None:
    for token in (tokens["access_token"], a_secret(), b64encode(a_secret().encode()).decode()):
        for path in ("/token", "/userinfo", "/introspect", "/account/login/"):
            headers = {
                "Authorization": f"{scheme} {token}".strip(),
                "Cookie": f"session={a_secret()}; csrf={a_secret()}",
                "User-Agent": f"app/1.0 {token}",
            }
            response = httpx.post(ISSUER + path, headers=headers, data={"a": token}, verify=False)
            assert response.status_code < 500


def test_a_secret_that_is_sent_twice(provider: Server) -> None:
    client, code = make_client(), a_secret()
    pairs = {"code": [code, code], "client_secret": [client.secret, a_secret()], code: code}
    response = httpx.post(
        f"{ISSUER}/token", data={"client_id": client.client_id, **pairs}, verify=False
    )
    assert response.status_code == 400


def lines_since(provider: Server, before: int) -> list[str]:
    text = provider.log.read_bytes()[before:].decode("ascii")  # nothing else, whatever came
    assert not [character for character in text if character < " " and character != "\n"]
    return text.splitlines()


@pytest.mark.parametrize("control", CONTROLS, ids=repr)
def test_a_line_is_not_forged(provider: Server, control: str) -> None:
    """One line each, and it says `denied`, whatever was sent."""
    text = f"{unique('x')}{control}{FORGED}".encode("utf-8", "surrogatepass")
    before = provider.log.stat().st_size
    sent = quote(text)
    basic = b64encode(b"%s:secret" % sent.encode()).decode()
    for target, body, headers in (
        (f"/authorize?client_id={sent}&scope={sent}", "", {}),
        ("/token", f"client_id={sent}&grant_type={sent}", {"User-Agent": sent}),
        ("/token", f"grant_type={sent}&x={sent}", {"Authorization": f"Basic {basic}"}),
        ("/token", f"{sent}=1&{sent}=2", {"X-Request-ID": sent}),
    ):
        reply = raw.post(target, body, **headers) if body else raw.send("GET", target)
        assert reply.status in {400, 401}
    assert [json.loads(line)["event"] for line in lines_since(provider, before)] == ["denied"] * 4


@pytest.mark.parametrize("control", [b"\x9b2K", b"\xc2\x9b2K", b"\xe2\x80\xa8", b"\t", b"\xff"])
@pytest.mark.parametrize("name", ["Host", "Origin", "Referer", "User-Agent", "Cookie"])
def test_a_header_writes_no_line_of_its_own(provider: Server, name: str, control: bytes) -> None:
    before = provider.log.stat().st_size
    value = b"https://x" + control + FORGED.encode()
    headers: dict[str, bytes | str] = {"X-Forwarded-Proto": "https", name: value}
    assert raw.problem_with(raw.post("/account/login/", "login=x", **headers)) is None
    for line in lines_since(provider, before):
        assert json.loads(line)["event"] != "signed-in"
        assert len(line) < 1000


def test_who_signs_in_says_what_they_want(user: EndUser, provider: Server) -> None:
    before = provider.log.stat().st_size
    with Browser() as browser:
        page = browser.open("/account/login/")
        browser.headers = httpx.Headers(
            {**browser.headers, "User-Agent": f"\x9b2K{FORGED}" * 50}, encoding="latin-1"
        )
        browser.sign_in(user, page)
    [line] = [json.loads(line) for line in lines_since(provider, before)]
    assert line["event"] == "signed-in"
    event = Event.objects.get(user__email=user.email, kind="signed-in")
    assert len(event.details["user_agent"]) <= 400


def test_apps_of_others_names_stay_readable(provider: Server) -> None:
    """Only what could be a secret is hidden: an unknown client_id is what operators look for."""
    client_id = unique("mistyped")
    answer = httpx.get(f"{ISSUER}/authorize", params={"client_id": client_id}, verify=False)
    assert answer.status_code == 400
    event = Event.objects.get(client_id=client_id)
    assert event.details["parameters"]["client_id"] == client_id
