"""What the authorization endpoint takes and how it answers. OIDC Core §3.1.2."""

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

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


def posted(relying_party: RelyingParty, **overrides: str | None) -> httpx.Response:
    """Send the request as a form of the relying party's site does."""
    parameters = relying_party.parameters(**overrides)
    return relying_party.browser.post("/authorize", data=parameters)


@spec("OIDC Core", "3.1.2.1")
def test_get_and_post_lead_to_the_same_answer(returning: RelyingParty) -> None:
    got = returning.answer(returning.visit())
    sent = returning.answer(returning.browser.settle(posted(returning)))
    members = {"code", "state", "iss", "session_state"}
    assert set(got.parameters) == set(sent.parameters) == members
    assert returning.exchange(sent.code).status_code == 200


@spec("RFC 9700", "4.12")
@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("overrides", [{}, {"prompt": "bogus"}], ids=["success", "error"])
def test_redirects_make_the_browser_ask_with_get(
    returning: RelyingParty, method: str, overrides: dict[str, str]
) -> None:
    response = posted(returning, **overrides) if method == "POST" else returning.visit(**overrides)
    assert response.status_code in {302, 303}


@spec("RFC 9207", "2")
@pytest.mark.parametrize(
    "overrides",
    [
        {},
        {"prompt": "none"},
        {"scope": "bogus"},
        {"response_type": "x"},
        {"response_type": None},
        {"request": "x"},
        {"max_age": "x"},
    ],
    ids=str,
)
def test_every_answer_names_its_issuer_and_carries_the_state(
    relying_party: RelyingParty, overrides: dict[str, str | None]
) -> None:
    answer = relying_party.authorize(**overrides)
    assert answer.iss == ISSUER
    assert answer.state == relying_party.state


@spec("RFC 6749", "4.1.2")
@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    state=st.text(
        st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=400
    )
)
def test_the_state_comes_back_exactly(relying_party: RelyingParty, state: str) -> None:
    assert relying_party.authorize(prompt="none", state=state).state == state


@spec("RFC 6749", "4.1.2")
def test_the_state_survives_the_pages_in_between(relying_party: RelyingParty) -> None:
    state = '&state=x&code=y#"+%20\r\nSet-Cookie: a=b' + "z" * 1500
    answer = relying_party.authorize(state=state)
    assert answer.state == state
    assert answer.code != "y"


@spec("RFC 6749", "4.1.2")
def test_no_state_is_made_up(relying_party: RelyingParty) -> None:
    assert "state" not in relying_party.authorize(state=None).parameters


@spec("OIDC Core", "3.1.2.1")
def test_a_missing_response_type_is_answered_without_a_page(relying_party: RelyingParty) -> None:
    response = relying_party.browser.get(
        "/authorize", params=relying_party.parameters(response_type=None)
    )
    assert relying_party.answer(response).error == "invalid_request"


@spec("RFC 6749", "4.1.2.1")
@pytest.mark.parametrize(
    "response_type",
    ["none", "CODE", "x", "code x", "code code"],
)
def test_other_response_types_are_refused(relying_party: RelyingParty, response_type: str) -> None:
    answer = relying_party.authorize(response_type=response_type)
    assert answer.error == "unsupported_response_type"
    assert "access_token" not in answer.parameters
    assert "id_token" not in answer.parameters


@spec("RFC 6749", "4.1.2.1")
def test_a_client_uses_only_the_response_types_it_registered(
    browser: Browser, user: EndUser
) -> None:
    client = make_client(grant_types=["client_credentials"], response_types=[])
    answer = RelyingParty(client, browser, user).authorize()
    assert answer.error == "unauthorized_client"


@spec("OIDC Core", "3.1.2.6")
@pytest.mark.parametrize("parameter", ["registration"])
def test_what_is_not_supported_has_an_error_of_its_own(
    relying_party: RelyingParty, parameter: str
) -> None:
    answer = relying_party.authorize(**{parameter: "https://rp.example.com/it"})
    assert answer.error == f"{parameter}_not_supported"


@spec("OAuth 2.0 Multiple Response Types", "2.1")
@pytest.mark.parametrize("response_mode", ["web_message", "QUERY", "Query.jwt", "jwt.query", "x"])
def test_an_unknown_response_mode_is_refused(
    relying_party: RelyingParty, response_mode: str
) -> None:
    assert relying_party.authorize(response_mode=response_mode).error == "invalid_request"


@spec("OIDC Core", "3.1.2.1")
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("login_hint", "nobody@example.com"),
        ("login_hint", "\U0001f600" * 200),
        ("ui_locales", "tlh xx-YY de"),
        ("ui_locales", "-- ;;; *"),
        ("claims_locales", "fr"),
        ("display", "hologram"),
        ("acr_values", "urn:example:impossible"),
        ("example_extension", "1"),
    ],
)
def test_hints_and_unknown_parameters_never_stop_a_sign_in(
    relying_party: RelyingParty, name: str, value: str
) -> None:
    assert relying_party.authorize(**{name: value}).code


@spec("OIDC Core", "3.1.2.1")
def test_a_login_hint_is_filled_in(relying_party: RelyingParty) -> None:
    page = relying_party.visit(login_hint="someone+else@example.com")
    assert is_page(page, "/account/login/")
    assert 'value="someone+else@example.com"' in page.text


@spec("OIDC Core", "3.1.2.1")
@pytest.mark.parametrize(
    ("ui_locales", "language"), [("de", "de"), ("de-CH", "de"), ("fr de en", "de"), ("fr", "en")]
)
def test_pages_speak_the_first_language_that_we_have(
    relying_party: RelyingParty, ui_locales: str, language: str
) -> None:
    page = relying_party.visit(ui_locales=ui_locales)
    assert f'<html lang="{language}"' in page.text


@spec("OIDC Core", "3.1.2.1")
def test_the_sign_in_page_says_which_app_it_is_for(browser: Browser, user: EndUser) -> None:
    client = make_client(client_name="Bäckerei Müller")
    page = RelyingParty(client, browser, user).visit()
    assert "Bäckerei Müller" in page.text
    assert "rp.example.com" in page.text


@spec("RFC 6749", "3.3")
@pytest.mark.parametrize("scope", ["bogus", "bogus offline"])
def test_without_a_scope_we_know_there_is_nothing_to_grant(
    relying_party: RelyingParty, scope: str
) -> None:
    assert relying_party.authorize(scope=scope).error == "invalid_scope"


@spec("RFC 6749", "3.3")
@pytest.mark.parametrize("scope", [None, "", " "])
def test_without_any_scope_the_person_is_signed_in(
    relying_party: RelyingParty, scope: str | None
) -> None:
    tokens = relying_party.tokens(scope=scope)
    assert (tokens["scope"], set(tokens) >= {"id_token"}) == ("openid", True)


@spec("RFC 6749", "3.3")
def test_without_any_scope_a_client_that_may_not_ask_for_openid_is_refused(
    browser: Browser, user: EndUser
) -> None:
    relying_party = RelyingParty(make_client(scope="email"), browser, user)
    assert relying_party.authorize(scope=None).error == "invalid_scope"


@spec("OIDC Core", "3.1.2.1")
def test_unknown_scopes_are_ignored_and_the_granted_ones_returned(
    relying_party: RelyingParty,
) -> None:
    tokens = relying_party.tokens(scope="openid bogus email")
    assert set(tokens["scope"].split()) == {"openid", "email"}


@spec("OIDC Core", "3.1.2.1")
def test_a_client_gets_no_scope_beyond_its_own(browser: Browser, user: EndUser) -> None:
    client = make_client(scope="openid email")
    tokens = RelyingParty(client, browser, user).tokens(scope="openid email phone")
    assert set(tokens["scope"].split()) == {"openid", "email"}


@spec("RFC 6749", "3.1")
def test_an_empty_parameter_counts_as_not_sent(relying_party: RelyingParty) -> None:
    answer = relying_party.authorize(prompt="", max_age="", request="", response_mode="")
    assert answer.code


@spec("OIDC Core", "3.1.2.1")
@pytest.mark.parametrize("max_age", ["-1", "1.5", "x", "1e3", "٣", "9" * 30])
def test_an_odd_max_age_is_refused(relying_party: RelyingParty, max_age: str) -> None:
    assert relying_party.authorize(max_age=max_age).error == "invalid_request"


@spec("RFC 6749", "4.1.2.1")
@pytest.mark.parametrize("client_id", [None, "", "unknown", "\U0001f600"])
def test_an_unknown_client_is_answered_on_a_page(
    relying_party: RelyingParty, client_id: str | None
) -> None:
    assert is_error_page(relying_party.visit(client_id=client_id))


@spec("RFC 6749", "4.1.2.1")
def test_a_disabled_client_is_answered_on_a_page(browser: Browser, user: EndUser) -> None:
    assert is_error_page(RelyingParty(make_client(enabled=False), browser, user).visit())
