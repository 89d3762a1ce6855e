"""Issuer and links come from configuration, never from a header. ASVS 4.1.3."""

import pytest

from tests.attacks.raw import post, problem_with, send
from tests.relying_party import (
    ISSUER,
    Browser,
    EndUser,
    RelyingParty,
    is_page,
    mailed_code,
    spec,
    verified,
)

EVIL = b"evil.example"
HEADERS = [
    {"Host": "evil.example"},
    {"Host": "localhost.evil.example"},
    {"Host": "evil.example:443@localhost"},
    {"X-Forwarded-Host": "evil.example"},
    {"Forwarded": "host=evil.example;proto=https"},
    {"X-Forwarded-Server": "evil.example", "X-Original-Host": "evil.example"},
    {"X-Forwarded-Proto": "evil.example", "X-Forwarded-Port": "99"},
    {"X-Original-URL": "//evil.example/", "X-Rewrite-URL": "//evil.example/"},
    {"X-Forwarded-Prefix": "//evil.example", "X-Script-Name": "//evil.example"},
]
PATHS = [
    "/.well-known/openid-configuration",
    "/jwks",
    "/token",
    "/userinfo",
    "/authorize?client_id=x",
    "/consent",
    "/access_denied",
    "/account/",
    "/account/login/",
    "/account/signup/",
    "/account/password/reset/",
    "/language",
    "/developers/",
    "/x",
]


@spec("OIDC Discovery", "4.3")
@pytest.mark.parametrize("headers", HEADERS, ids=lambda headers: ascii(headers)[:40])
def test_no_header_gets_into_an_answer(provider: object, headers: dict[str, str]) -> None:
    for path in PATHS:
        for reply in (send("GET", path, headers=headers), post(path, b"a=b", **headers)):
            assert problem_with(reply) is None
            assert EVIL not in reply.body, path
            assert "evil" not in str(reply.headers), path


@spec("RFC 9207", "2")
@pytest.mark.parametrize("headers", HEADERS[3:], ids=lambda headers: ascii(headers)[:40])
def test_answers_and_tokens_name_our_issuer(
    returning: RelyingParty, headers: dict[str, str]
) -> None:
    returning.browser.headers.update(headers)
    answer = returning.answer(returning.visit())
    assert answer.iss == ISSUER
    data = {
        "grant_type": "authorization_code",
        "code": answer.code,
        "redirect_uri": returning.client.redirect_uri,
        "code_verifier": returning.code_verifier,
    }
    secret = returning.client.secret or ""
    auth = (returning.client.client_id, secret)
    tokens = returning.browser.post("/token", data=data, auth=auth).json()
    assert verified(tokens["id_token"])["iss"] == ISSUER


@spec("ASVS", "6.4.1")
def test_mail_leads_to_us(relying_party: RelyingParty) -> None:
    from django.conf import settings

    browser = relying_party.browser
    browser.headers["X-Forwarded-Host"] = "evil.example"
    page = browser.open("/account/password/reset/")
    browser.submit(page, email=relying_party.user.email)
    assert mailed_code(relying_party.user.email)
    mail = "".join(path.read_text() for path in settings.MAIL_DIRECTORY.glob("*.log"))
    assert "evil.example" not in mail


@spec("ASVS", "6.3.1")
def test_another_port_in_the_host_does_not_begin_the_count_anew(user: EndUser) -> None:
    for port in range(1, 11):
        with Browser() as guesser:
            page = guesser.open("/account/login/")
            guesser.headers["Host"] = f"localhost:{port}"
            guesser.sign_in(EndUser(user.email, "wrong", ""), page)
    with Browser() as browser:
        assert is_page(browser.sign_in(user), "/account/login/mailed-code/")
