"""Redirect URIs with a private-use scheme that an operator lists. RFC 8252 §7.1, §8.4."""

import pytest

from tests.registering import as_client, manage, register, registered, replaceable
from tests.relying_party import Browser, EndUser, RelyingParty, is_error_page, is_page, spec

CURSOR = "cursor://anysphere.cursor-mcp/oauth/callback"
PUBLIC = {"token_endpoint_auth_method": "none"}


@spec("RFC 8252", "7.1")
def test_a_program_with_a_listed_scheme_signs_in(browser: Browser, user: EndUser) -> None:
    information = registered(redirect_uris=[CURSOR], **PUBLIC)
    assert information["application_type"] == "native"
    app = RelyingParty(as_client(information), browser, user)
    page = browser.sign_in(user, app.visit())
    assert is_page(page, "/consent")
    assert "on your device" in page.text
    answer = browser.submit(page, "allow")
    assert answer.headers["Location"].startswith(f"{CURSOR}?code=")
    assert app.exchange(app.answer(answer).code).status_code == 200


@spec("RFC 8252", "7.1")
@pytest.mark.parametrize(
    "uri",
    [
        "windsurf://callback",
        "cursors://callback",
        "cursor-evil://callback",
        "evil+cursor://callback",
        "javascript://cursor/%0aalert(1)",
        f"{CURSOR}#x",
        f"{CURSOR}?code=x",
    ],
)
def test_other_schemes_stay_closed(provider: object, uri: str) -> None:
    response = register(redirect_uris=[uri], application_type="native", **PUBLIC)
    assert (response.status_code, response.json()["error"]) == (400, "invalid_redirect_uri")


@spec("RFC 8252", "7.1")
def test_a_website_has_none(provider: object) -> None:
    for uris in ([CURSOR, "https://rp.example.com/callback"], [CURSOR]):
        response = register(redirect_uris=uris, application_type="web", **PUBLIC)
        assert response.json()["error"] == "invalid_redirect_uri"


@spec("RFC 9700", "2.1")
def test_the_scheme_of_another_client_is_not_enough(browser: Browser, user: EndUser) -> None:
    """Each has the addresses that it registered, not those of all programs with the scheme."""
    registered(redirect_uris=[CURSOR], **PUBLIC)
    other = registered(redirect_uris=["vscode://other.extension/callback"], **PUBLIC)
    app = RelyingParty(as_client(other), browser, user)
    browser.sign_in(user)
    for uri in (
        CURSOR,
        "vscode://other.extension/callback/",
        "vscode://another.extension/callback",
        "VSCODE://other.extension/callback",
        "vscode:/other.extension/callback",
        "vscode://",
        "cursor://other.extension/callback",
    ):
        assert is_error_page(app.visit(redirect_uri=uri)), uri


@spec("RFC 8252", "8.4")
def test_a_code_that_another_program_caught_is_of_no_use_to_it(
    browser: Browser, user: EndUser
) -> None:
    """Every program of the device may claim the scheme; it knows neither verifier nor client."""
    app = RelyingParty(as_client(registered(redirect_uris=[CURSOR], **PUBLIC)), browser, user)
    thief = RelyingParty(as_client(registered(redirect_uris=[CURSOR], **PUBLIC)), browser, user)
    without = app.visit(code_challenge=None, code_challenge_method=None)
    assert "error=invalid_request" in without.headers["Location"]
    code = app.authorize().code
    assert thief.exchange(code).json()["error"] == "invalid_grant"
    code = app.authorize().code
    assert app.exchange(code, code_verifier="x" * 43).json()["error"] == "invalid_grant"


@spec("RFC 8252", "8.6")
def test_no_program_gets_anything_without_a_page(browser: Browser, user: EndUser) -> None:
    """Whichever program begins and claims the scheme: the user sees that it is one of theirs."""
    app = RelyingParty(as_client(registered(redirect_uris=[CURSOR], **PUBLIC)), browser, user)
    app.authorize()
    assert app.answer(app.visit(prompt="none")).error == "consent_required"
    page = app.visit()
    assert is_page(page, "/consent")
    assert app.answer(browser.submit(page, "allow")).code


@spec("RFC 9700", "2.1")
def test_consent_to_one_program_is_none_for_another_scheme(browser: Browser, user: EndUser) -> None:
    """Whatever stands after the scheme is the app's own choice, and proves no origin."""
    information = registered(redirect_uris=[CURSOR], **PUBLIC)
    app = RelyingParty(as_client(information), browser, user)
    app.authorize()
    moved = CURSOR.replace("cursor:", "vscode:", 1)
    body = replaceable(information, redirect_uris=[moved])
    assert manage("PUT", information, body=body).status_code == 200
    assert is_page(app.visit(redirect_uri=moved), "/consent")
