"""What a client's page compares to notice that the session changed. OIDC Session Management."""

import hashlib

import pytest

from tests.relying_party import (
    Browser,
    EndUser,
    RelyingParty,
    make_client,
    make_user,
    spec,
)

ORIGIN = "https://rp.example.com"


def state_for(relying_party: RelyingParty, salt: str) -> str:
    """Return what the client's page would compute now."""
    known = relying_party.browser.cookies.get("op_browser_state")
    text = f"{relying_party.client.client_id} {ORIGIN} {known} {salt}"
    return f"{hashlib.sha256(text.encode()).hexdigest()}.{salt}"


def is_unchanged(relying_party: RelyingParty, session_state: str) -> bool:
    return session_state == state_for(relying_party, session_state.partition(".")[2])


@spec("OIDC Session Management", "2")
@pytest.mark.parametrize("response_mode", ["query", "fragment", "form_post"])
def test_every_answer_brings_the_state(relying_party: RelyingParty, response_mode: str) -> None:
    first = relying_party.authorize()
    again = relying_party.visit(response_mode=response_mode, prompt="none")
    assert first.session_state
    assert is_unchanged(relying_party, first.session_state)
    assert "session_state" in (again.headers.get("Location") or again.text)


@spec("OIDC Session Management", "3.2")
def test_it_changes_with_the_session_and_with_nothing_else(
    relying_party: RelyingParty, browser: Browser
) -> None:
    state = relying_party.authorize().session_state
    browser.open("/account/")
    assert relying_party.authorize().session_state != state, "salted anew"
    assert is_unchanged(relying_party, state)
    browser.submit(browser.open("/account/logout/"))
    assert not is_unchanged(relying_party, state)
    browser.sign_in(relying_party.user)
    assert not is_unchanged(relying_party, state)


@spec("OIDC Session Management", "3.2")
def test_it_changes_with_the_account(relying_party: RelyingParty, browser: Browser) -> None:
    state = relying_party.authorize().session_state
    browser.sign_in(make_user(), browser.open("/account/login/", fresh="1"))
    assert not is_unchanged(relying_party, state)


def test_two_clients_cannot_tell_that_they_share_a_session(
    relying_party: RelyingParty, browser: Browser, user: EndUser
) -> None:
    other = RelyingParty(make_client(), browser, user)
    states = [party.authorize().session_state for party in (relying_party, other)]
    assert states[0].partition(".")[0] != states[1].partition(".")[0]


def test_an_app_that_is_no_page_gets_none(browser: Browser, user: EndUser) -> None:
    app = make_client(
        application_type="native",
        token_endpoint_auth_method="none",
        redirect_uris=["com.example.app:/callback"],
    )
    answer = RelyingParty(app, browser, user).authorize()
    assert answer.code
    assert answer.session_state is None


@spec("OIDC Session Management", "3.2")
def test_the_frame_may_be_framed_by_anybody_and_does_nothing_else(browser: Browser) -> None:
    page = browser.get("/check_session")
    policy = page.headers["Content-Security-Policy"]
    assert "frame-ancestors *" in policy
    assert "script-src 'self'" in policy
    assert "connect-src 'none'" in policy
    assert "X-Frame-Options" not in page.headers
    assert "Set-Cookie" not in page.headers
