"""No input gives a fault, a trace of code or a late answer. ASVS 2.2, 16.5.1."""

import json
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from accounts import invitations, operations
from accounts.models import User
from tests.attacks.raw import FORM, Reply, post, problem_with, send
from tests.relying_party import Browser, EndUser, RelyingParty, forms_of, spec

PROTOCOL = [
    "/authorize",
    "/token",
    "/userinfo",
    "/register",
    "/jwks",
    "/.well-known/openid-configuration",
    "/.well-known/oauth-authorization-server",
]
PAGES = [
    "/",
    "/consent",
    "/access_denied",
    "/account/",
    "/account/login/",
    "/account/signup/",
    "/account/confirm-email/",
    "/account/logout/",
    "/account/password/reset/",
    "/account/password/reset/confirm/",
    "/account/password/choose/",
    "/account/invitation/1:1xVjgs:x/",
    "/language",
    "/developers/",
    "/developers/apps/",
    "/developers/errors/invalid_request",
    "/end_session",
    "/end_session/confirm",
    "/healthz",
    "/static/signet.css",
    "/nothing/here",
]
EVERYWHERE = [*PROTOCOL, *PAGES]


def faults(ask: Callable[[str], Reply]) -> dict[str, str]:
    """Return where asking this way went wrong, of all our addresses, and how."""
    problems = {path: problem_with(ask(path)) for path in EVERYWHERE}
    return {path: problem for path, problem in problems.items() if problem}


QUERIES = [
    b"%00",
    b"client_id=%00&redirect_uri=a%00b",
    b"next=%00&interaction=%00&ui_locales=%00",
    b"client_id=%ff%fe&state=%c0%80&scope=%ed%a0%80",
    b"client_id=%&state=%zz&scope=%u0041&%=%",
    "client_id=\u00e9\U0001f600&state=\u0000".replace("\0", "").encode(),
    b"client_id=\xff\xfe\x80&next=\xc0",
    b"&&&===&=&;;&?",
    b"next=//[",
    b"next=http://[::1&interaction=//[",
    b"next=/x?next=//[x]y",
    b"next=" + "//ex\u2100mple".encode(),
    b"next=//evil.example:99999999/&next=/%0d%0aX:1",
    b"next=" + b"/x?next=" * 300,
    b"next=" + b"%2Fx%3Fnext%3D" * 300,
    b"max_age=" + b"9" * 4000,
    b"max_age=-0&max_age=0x1&max_age=1e999",
    b"id_token_hint=" + b"." * 4000,
    b"client_id=" + b"x" * 12_000,
    b"x=y&" * 2000,
    b"&".join(b"p%d=%d" % (i, i) for i in range(1500)),
    b"fresh=1&fresh=2&language=de&answer=allow&code=../../etc/passwd",
    b"client_id[]=a&client_id[0][$ne]=b&__proto__=c",
    b"interaction=" + b"'%20OR%201=1--" + b"&client_id=%27;DROP%20TABLE%20x;--",
]


@spec("RFC 9110", "15.5.1")
@pytest.mark.parametrize("query", QUERIES, ids=lambda query: ascii(query[:30]))
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_odd_queries(provider: object, method: str, query: bytes) -> None:
    assert faults(lambda path: send(method, path.encode() + b"?" + query)) == {}


@spec("RFC 9110", "15.5.1")
@pytest.mark.parametrize("body", QUERIES, ids=lambda body: ascii(body[:30]))
def test_odd_forms(provider: object, body: bytes) -> None:
    assert faults(lambda path: post(path, body)) == {}


@spec("RFC 9110", "15.5.1")
@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"x" * 300_000, FORM),
        (b"a=" + b"x" * 240_000, FORM),
        (b"a=b&" * 60_000, FORM),
        (b"\xff\xfe\x00" * 1000, FORM),
        (b"a=\xe9", f"{FORM}; charset=latin-1"),
        (b"a=b", f"{FORM}; charset=utf-16"),
        (b"a=b", f"{FORM}; charset=bogus\xe9"),
        (b"a=b", ""),
        (b"a=b", "x" * 5000),
        (b"[" * 200_000, "application/json"),
        (b'{"a":' * 40_000, "application/json"),
        (b"--x\r\n", "multipart/form-data; boundary=x"),
        (
            b"--x\r\nContent-Disposition: form-data; name=a\r\n\r\n" * 2000,
            "multipart/form-data; boundary=x",
        ),
        (b"x", "multipart/form-data"),
        (b"x", "multipart/form-data; boundary=" + "x" * 4000),
        (b"<!DOCTYPE x [<!ENTITY a 'b'>]>", "application/xml"),
    ],
    ids=lambda value: ascii(value[:30]),
)
def test_odd_bodies(provider: object, body: bytes, content_type: str) -> None:
    headers: dict[str, bytes | str] = {"Content-Type": content_type.encode("latin-1")}
    assert faults(lambda path: send("POST", path, body, headers)) == {}


@spec("RFC 9110", "9.1")
@pytest.mark.parametrize(
    "method", ["HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND", "get", "X" * 200]
)
def test_odd_methods(provider: object, method: str) -> None:
    assert faults(lambda path: send(method, path)) == {}


@spec("RFC 9110", "5.5")
@pytest.mark.parametrize(
    "headers",
    [
        {"Cookie": "session=x; csrf=y; language=z"},
        {"Cookie": 'session="aaaaaaaaaaaaaaaaaaaa\\000"; csrf="\\000"; language="\\000"'},
        {"Cookie": "session=" + "a" * 6000},
        {"Cookie": b"session=\xff\xfe; =; ;;;"},
        {"Accept-Language": "de-" * 3000},
        {"Accept-Language": "*;q=1e9,\\,;;q=-1"},
        {"Accept": "\\" * 2000},
        {"Authorization": b"Basic \xff\xfe"},
        {"Authorization": "Bearer " + "x" * 12_000},
        {"Authorization": "Basic " + "A" * 12_000},
        {"If-None-Match": '"' * 1000},
        {"If-Modified-Since": "Thu, 99 Foo 99999 99:99:99 GMT"},
        {"Range": "bytes=9-1,-,0-0,0-0"},
        {"Origin": b"\xff"},
        {"Origin": "https://[", "Referer": "https://["},
        {"Origin": "null", "Access-Control-Request-Method": "\t"},
        {"X-Forwarded-For": "x, 999.1.1.1, ::ffff:1.2.3.4, " + "1.1.1.1," * 500},
        {"X-Forwarded-For": "fe80::1%eth0"},
        {"X-Forwarded-For": ",,,", "X-Forwarded-Proto": "gopher", "X-Forwarded-Host": "["},
        {"User-Agent": b"\xff" * 3000},
        {"X-CSRFToken": "\\000"},
        {"X-HTTP-Method-Override": "DELETE"},
    ],
    ids=lambda headers: ascii(next(iter(headers.items())))[:40],
)
def test_odd_headers(provider: object, headers: dict[str, str | bytes]) -> None:
    assert faults(lambda path: send("GET", path, headers=headers)) == {}
    assert faults(lambda path: post(path, b"grant_type=x&client_id=y", **headers)) == {}


@spec("RFC 3986", "2.1")
@pytest.mark.parametrize(
    "path",
    [
        b"/%00",
        b"/\xff\xfe",
        b"/%ff",
        b"/%zz",
        b"/account/%00/",
        b"/developers/errors/%ff",
        b"/developers/errors/" + b"x" * 5000,
        b"//evil.example/account/login/",
        b"/\\evil.example/",
        b"//[",
        b"/static/../../etc/passwd",
        b"/static/%2e%2e/%2e%2e/idp/settings.py",
        b"/static/%00",
        b"/.well-known/%6fpenid-configuration",
        b"/.well-known/webfinger?resource=%00",
        b"*",
        b"http://evil.example/account/login/",
        b"/" + b"a/" * 5000,
    ],
    ids=lambda path: ascii(path[:30]),
)
def test_odd_paths(provider: object, path: bytes) -> None:
    for method in ("GET", "POST"):
        reply = send(method, path)
        assert problem_with(reply) is None
        assert not reply.headers.get("Location", "/").startswith(("//", "/\\", "http://evil"))
        assert b"SECRET_KEY" not in reply.body


PARAMETERS = [
    "client_id",
    "redirect_uri",
    "response_type",
    "response_mode",
    "scope",
    "state",
    "nonce",
    "prompt",
    "max_age",
    "display",
    "ui_locales",
    "claims_locales",
    "login_hint",
    "acr_values",
    "id_token_hint",
    "claims",
    "code_challenge",
    "code_challenge_method",
    "request",
    "request_uri",
    "registration",
    "resource",
]
VALUES = [
    b"%00",
    b"%ff%fe",
    b"%ed%a0%80",
    b"%",
    b"\xe9",
    b"%0d%0aSet-Cookie:%20a=b",
    b"9" * 5000,
    b"-1",
    b"1e999",
    b"NaN",
    b"[" * 5000,
    b"%7B%22a%22:" * 1500,
    b"%f0%9f%98%80" * 500,
    b"+" * 5000,
    b"a%20" * 3000,
]


@spec("RFC 6749", "3.1")
@pytest.mark.parametrize("name", PARAMETERS)
def test_odd_values_of_a_sound_authorization_request(settled: RelyingParty, name: str) -> None:
    cookies = "; ".join(f"{cookie}={value}" for cookie, value in settled.browser.cookies.items())
    for value in VALUES:
        others = settled.browser.build_request(
            "GET", "/authorize", params=settled.parameters(**{name: None})
        ).url.query
        query = others + b"&" + name.encode() + b"=" + value
        reply = send("GET", b"/authorize?" + query, headers={"Cookie": cookies})
        assert problem_with(reply) is None
        reply = post("/authorize", query)
        assert problem_with(reply) is None
        assert "Set-Cookie" not in reply.headers or "a=b" not in reply.headers["Set-Cookie"]


@spec("RFC 7239", "6")
@pytest.mark.parametrize(
    "address", ["", "x", "999.1.1.1", "fe80::1%eth0", "::ffff:1.2.3.4", "1.2.3.4:80", "0x7f.1"]
)
def test_odd_addresses_of_the_sender_stop_nobody(relying_party: RelyingParty, address: str) -> None:
    relying_party.browser.headers["X-Forwarded-For"] = address
    assert relying_party.authorize().code


@spec("RFC 6749", "3.2")
@pytest.mark.parametrize(
    "name",
    ["grant_type", "code", "redirect_uri", "code_verifier", "client_id", "client_secret", "scope"],
)
def test_odd_values_of_a_sound_token_request(settled: RelyingParty, name: str) -> None:
    sound = {
        "grant_type": "authorization_code",
        "code": "x" * 43,
        "redirect_uri": "https://rp.example.com/callback",
        "code_verifier": "x" * 43,
        "client_id": settled.client.client_id,
        "client_secret": settled.client.secret or "",
    }
    for value in VALUES:
        pairs = [f"{key}={text}".encode() for key, text in {**sound, name: ""}.items()]
        body = b"&".join(pair + value if pair == f"{name}=".encode() else pair for pair in pairs)
        reply = post("/token", body)
        assert problem_with(reply) is None
        assert reply.status in {400, 401, *((429,) if name == "client_secret" else ())}
        assert json.loads(reply.body)["error"]


HOSTILE = [
    "\0",
    "\0@example.com",
    "\ud7ff\ue000",
    "\u202e\u0000x",
    "a" * 50_000,
    "é" * 2000,
    "[",
    "'\"<",
]


@spec("ASVS", "2.2.1")
@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: ascii(text[:12]))
@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("/account/login/", ["login", "password"]),
        ("/account/signup/", ["email", "password1"]),
        ("/account/password/reset/", ["email"]),
    ],
)
def test_odd_entries_in_forms_that_are_otherwise_right(
    relying_party: RelyingParty, path: str, fields: list[str], text: str
) -> None:
    browser = relying_party.browser
    page = browser.open(path)
    form = next(form for form in forms_of(page) if fields[0] in form.fields)
    for field in [*fields, "next", "csrfmiddlewaretoken", "remember"]:
        data = {**form.fields, **dict.fromkeys(fields, "somebody@example.com"), field: text}
        assert browser.post(path, data=data).status_code < 500, field


@spec("ASVS", "2.2.1")
@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: ascii(text[:12]))
def test_odd_entries_where_a_password_is_chosen(browser: Browser, user: EndUser, text: str) -> None:
    user_row = User.objects.get(email=user.email)
    operations.require_new_password(user_row)
    user_row.refresh_from_db()
    pages = [
        browser.sign_in(user),
        browser.open(f"/account/invitation/{invitations.token_for(user_row)}/"),
    ]
    for page in pages:
        form = next(form for form in forms_of(page) if "password1" in form.fields)
        for field in ["next", "csrfmiddlewaretoken", "password1"]:
            data = {**form.fields, "password1": "short", field: text}
            assert browser.post(page.url, data=data).status_code < 500, field


@spec("ASVS", "2.2.1")
@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: ascii(text[:12]))
def test_odd_entries_in_the_forms_of_a_request(relying_party: RelyingParty, text: str) -> None:
    browser = relying_party.browser
    page = browser.sign_in(relying_party.user, relying_party.visit())
    for path, field in (
        (str(page.url), "answer"),
        ("/language", "language"),
        ("/language", "next"),
    ):
        token = next(form.fields["csrfmiddlewaretoken"] for form in forms_of(page) if form.fields)
        data = {"csrfmiddlewaretoken": token, "language": "de", field: text}
        assert browser.post(path, data=data).status_code < 500, (path, field)


@spec("RFC 6749", "3.1")
@settings(max_examples=60, deadline=None)
@given(
    target=st.sampled_from(EVERYWHERE),
    method=st.sampled_from(["GET", "POST"]),
    query=st.binary(max_size=200).filter(lambda raw: not set(raw) & set(b" \t\r\n\0#")),
    body=st.binary(max_size=500),
    content_type=st.sampled_from([FORM, "application/json", "multipart/form-data; boundary=x", ""]),
)
def test_any_bytes(
    provider: object, target: str, method: str, query: bytes, body: bytes, content_type: str
) -> None:
    reply = send(method, target.encode() + b"?" + query, body, {"Content-Type": content_type})
    assert problem_with(reply) is None


@spec("RFC 6749", "3.1")
@settings(max_examples=60, deadline=None)
@given(
    parameters=st.dictionaries(
        st.sampled_from(PARAMETERS), st.text(max_size=60) | st.binary(max_size=60), max_size=8
    )
)
def test_any_parameters(provider: object, parameters: dict[str, str | bytes]) -> None:
    def quoted(value: str | bytes) -> bytes:
        raw = value if isinstance(value, bytes) else value.encode("utf-8", "surrogatepass")
        return b"".join(b"%%%02x" % byte for byte in raw)

    query = b"&".join(name.encode() + b"=" + quoted(value) for name, value in parameters.items())
    assert problem_with(send("GET", b"/authorize?" + query)) is None
    assert problem_with(post("/authorize", query)) is None
    assert problem_with(post("/token", query)) is None
