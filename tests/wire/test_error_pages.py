"""What users and developers see of errors. OIDC Core §3.1.2.6, RFC 6749 §4.1.2.1, §5.2."""

import re

import httpx
import pytest

from idp.models import Client
from tests.relying_party import (
    ISSUER,
    REFERENCE,
    Browser,
    RelyingParty,
    is_error_page,
    make_client,
    spec,
)

#: RFC 6749 §5.2: printable ASCII without the quote and the backslash.
DESCRIPTION = re.compile(r"[\x20-\x21\x23-\x5b\x5d-\x7e]+")
#: Two times four letters or digits that are not mistaken for each other when read aloud.

ASKED = [
    {"response_type": None},
    {"response_type": 'x"\\é\r\n'},
    {"response_mode": 'x"\\é\r\n'},
    {"prompt": 'x"\\é\r\n'},
    {"prompt": "none"},
    {"prompt": "none login"},
    {"scope": 'x"\\é'},
    {"max_age": 'x"\\é'},
    {"request": "x"},
    {"request_uri": "x"},
    {"registration": "x"},
    {"code_challenge": "x"},
    {"code_challenge_method": "plain"},
    {"nonce": "x" * 2000},
    {"state": "x" * 5000},
    {"id_token_hint": "x"},
]


def holds(description: str | None, error_uri: str | None) -> None:
    """Hold an error to RFC 6749 §5.2 and to being of use."""
    assert description
    assert DESCRIPTION.fullmatch(description)
    assert description.endswith(".")
    assert error_uri
    assert error_uri.startswith(f"{ISSUER}/")
    assert httpx.get(error_uri, verify=False).status_code == 200


@spec("RFC 6749", "4.1.2.1")
@pytest.mark.parametrize("asked", ASKED, ids=lambda asked: "-".join(map(repr, asked.items()))[:40])
def test_an_error_redirect_helps_the_developer(
    relying_party: RelyingParty, asked: dict[str, str | None]
) -> None:
    relying_party.browser.sign_in(relying_party.user)
    answer = relying_party.answer(relying_party.visit(**asked))
    assert answer.error
    holds(answer.error_description, answer.error_uri)
    if asked.keys() != {"state"}:
        assert answer.state == relying_party.state


@spec("RFC 6749", "5.2")
@pytest.mark.parametrize(
    "parameters",
    [
        {"grant_type": 'x"\\é\r\n'},
        {"grant_type": "authorization_code", "code": 'x"\\é'},
        {"grant_type": "client_credentials"},
        {"grant_type": "authorization_code", "code": "x", 'y"\\é': "1"},
    ],
    ids=lambda parameters: repr(parameters["grant_type"]),
)
def test_an_error_of_the_token_endpoint_helps_the_developer(
    relying_party: RelyingParty, parameters: dict[str, str]
) -> None:
    answer = relying_party.token(**parameters).json()
    holds(answer["error_description"], answer["error_uri"])


@spec("RFC 6749", "5.2")
def test_a_repeated_parameter_is_named_in_printable_characters(provider: object) -> None:
    answer = httpx.post(
        f"{ISSUER}/token",
        content='a"%5C%C3%A9%0A=1&a"%5C%C3%A9%0A=2',
        headers={"Content-Type": "application/x-www-form-urlencoded"},
        verify=False,
    ).json()
    holds(answer["error_description"], answer["error_uri"])


@spec("RFC 6750", "3")
@pytest.mark.parametrize(
    ("headers", "query"),
    [
        ({"Authorization": "Bearer x"}, ""),
        ({"Authorization": "Bearer a b"}, ""),
        ({"Authorization": "Bearer x"}, "?access_token=x"),
    ],
)
def test_an_error_of_userinfo_helps_the_developer(
    provider: object, headers: dict[str, str], query: str
) -> None:
    response = httpx.get(f"{ISSUER}/userinfo{query}", headers=headers, verify=False)
    challenge = response.headers["WWW-Authenticate"]
    members = dict(re.findall(r'(\w+)="([^"]*)"', challenge))
    holds(members["error_description"], members["error_uri"])
    assert response.json()["error"] == members["error"]


@spec("OIDC Core", "3.1.2.6")
def test_the_page_explains_without_leading_to_the_address(relying_party: RelyingParty) -> None:
    page = relying_party.visit(redirect_uri="https://evil.example/callback")
    assert is_error_page(page)
    assert REFERENCE.search(page.text)
    assert "redirect_uri is not one that is registered" in page.text
    assert not re.search(r'(href|src|action|content)="[^"]*evil', page.text)
    links = re.findall(r'href="(http[^"]+)"', page.text)
    assert [httpx.get(link, verify=False).status_code for link in links] == [200]


@spec("OIDC Core", "3.1.2.6")
def test_every_page_has_a_reference_of_its_own(relying_party: RelyingParty) -> None:
    pages = [relying_party.visit(client_id="unknown").text for _ in range(2)]
    references = {match[0] for page in pages for match in REFERENCE.finditer(page)}
    assert len(references) == 2


@spec("RFC 6749", "4.1.2.1")
def test_every_error_has_a_page(provider: object) -> None:
    overview = httpx.get(f"{ISSUER}/developers/errors/", verify=False)
    pages = set(re.findall(r'href="(/developers/errors/\w+)"', overview.text))
    assert "/developers/errors/invalid_request" in pages
    assert len(pages) >= 15
    for page in pages:
        assert httpx.get(f"{ISSUER}{page}", verify=False).status_code == 200
    assert httpx.get(f"{ISSUER}/developers/errors/x", verify=False).status_code == 404


@spec("OIDC Core", "3.1.2.6")
@pytest.mark.parametrize(
    ("path", "asked", "told"),
    [
        ("/authorize", {"client_id": "x"}, "We don’t know this app"),
        ("/authorize", {"client_id": None}, "The app’s request can’t be answered"),
        ("/authorize", {"redirect_uri": None}, "The app’s request can’t be answered"),
        ("/authorize", {"redirect_uri": "https://x.example"}, "We don’t know where this leads"),
        ("/end_session", {"post_logout_redirect_uri": "x"}, "The app couldn’t sign you out"),
        ("/end_session", {"client_id": "x"}, "The app couldn’t sign you out"),
        ("/end_session", {"id_token_hint": "x"}, "The app couldn’t sign you out"),
        ("/authorize", {"client_id": None, "interaction": "x"}, "This page was open for too long"),
        ("/consent", {}, "This page was open for too long"),
    ],
)
def test_the_user_reads_what_fits_in_words_of_theirs(
    browser: Browser, path: str, asked: dict[str, str | None], told: str
) -> None:
    client = make_client()
    sent = {"client_id": client.client_id, "redirect_uri": client.redirect_uri, **asked}
    page = browser.get(path, params={name: value for name, value in sent.items() if value})
    assert is_error_page(page)
    assert f"<h1>{told}</h1>" in page.text
    for_users = page.text.partition("<h1>")[2].partition("<details")[0]
    assert not re.search(r"client|redirect|URI|parameter|request_|hint|OAuth|token", for_users)
    assert "Go back to the app you came from" in for_users


@spec("OIDC Core", "3.1.2.6")
def test_the_way_back_leads_to_the_apps_own_page(browser: Browser) -> None:
    client = make_client(client_name="Bakery", client_uri="https://bakery.example.com/")
    asked = {"client_id": client.client_id, "redirect_uri": "https://evil.example/"}
    for page in (
        browser.get("/authorize", params=asked),
        browser.get("/end_session", params={**asked, "post_logout_redirect_uri": "x"}),
    ):
        assert 'href="https://bakery.example.com/"><span>Back to <bdi>Bakery</bdi>' in page.text


@spec("OIDC RP-Initiated Logout", "3")
def test_an_app_that_only_its_hint_names_is_known_when_signing_out_fails(
    relying_party: RelyingParty,
) -> None:
    tokens = relying_party.tokens()
    clients = Client.objects.filter(client_id=relying_party.client.client_id)
    clients.update(client_uri="https://bakery.example.com/")
    page = relying_party.browser.get(
        "/end_session",
        params={"id_token_hint": tokens["id_token"], "post_logout_redirect_uri": "https://x.test"},
    )
    assert "Back to <bdi>Test app</bdi>" in page.text
    assert "<code>https://x.test</code>" in page.text
    assert tokens["id_token"] not in page.text.partition("<details")[2].partition("<footer")[0]
    assert 'href="/account/logout/">Sign out here</a>' in page.text


@spec("RFC 6749", "4.1.2.1")
def test_the_developer_reads_what_came_and_which_rule_it_broke(relying_party: RelyingParty) -> None:
    page = relying_party.visit(redirect_uri="http://rp.example.com/callback")
    details = page.text.partition("<details")[2].partition("</details>")[0]
    assert "OIDC Core §3.1.2.1" in details
    assert "clients.redirect_uris.verified" in details
    assert "<code>http://rp.example.com/callback</code>" in details
    assert "It starts with http://, which is allowed for this machine only" in details
    assert f"••• ({len(relying_party.state)} characters)" in details
