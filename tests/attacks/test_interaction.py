"""No way around signing in or agreeing, no forged forms. OIDC Core §3.1.2."""

from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from tests.relying_party import (
    ISSUER,
    Browser,
    RelyingParty,
    forms_of,
    is_error_page,
    is_page,
    make_client,
    make_user,
    spec,
)

LOGIN, CONSENT = "/account/login/", "/consent"


def interaction_at(page: httpx.Response) -> str:
    """Return the address at which the page's request goes on."""
    query = parse_qs(urlsplit(str(page.url)).query)
    return (
        query["next"][0] if "next" in query else f"/authorize?interaction={query['interaction'][0]}"
    )


def has_agreed(relying_party: RelyingParty) -> bool:
    return relying_party.answer(relying_party.visit(prompt="none")).error != "consent_required"


@spec("OIDC Core", "3.1.2.1")
@pytest.mark.parametrize(
    "more",
    [
        {},
        {"max_age": "0"},
        {"display": "popup"},
        {"scope": "openid profile phone"},
        {"id_token_hint": "x"},
        {"prompt": "none login"},
        {"prompt": "none none"},
        {"ui_locales": "de"},
    ],
    ids=str,
)
@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("signed_in", [True, False])
def test_prompt_none_never_shows_a_page(
    relying_party: RelyingParty, more: dict[str, str], method: str, signed_in: bool
) -> None:
    browser = relying_party.browser
    if signed_in:
        browser.sign_in(relying_party.user)
    parameters = relying_party.parameters(**{"prompt": "none", **more})
    if method == "POST":
        response = browser.settle(browser.post("/authorize", data=parameters))
    else:
        response = browser.settle(browser.get("/authorize", params=parameters))
    assert relying_party.answer(response).error in {
        "login_required",
        "consent_required",
        "invalid_request",
    }


@spec("OIDC Core", "3.1.2.1")
@pytest.mark.parametrize("asked", [{"prompt": "login"}, {"max_age": "0"}], ids=str)
def test_a_fresh_sign_in_cannot_be_skipped(returning: RelyingParty, asked: dict[str, str]) -> None:
    page = returning.visit(**asked)
    path = interaction_at(page)
    without_fresh = str(page.url).replace("&fresh=1", "").replace("fresh=1&", "")
    assert "fresh" not in without_fresh
    for url in (
        path,
        f"{path}&fresh=1",
        f"{path}&prompt=none",
        without_fresh,
        f"/consent?interaction={path.partition('=')[2]}",
        f"/account/login/?next={path}",
        f"/account/signup/?next={path}",
        f"/account/confirm-email/?next={path}",
    ):
        shown = returning.browser.open(url)
        assert not shown.is_redirect, url
        if url.startswith("/consent"):
            shown = returning.browser.submit(shown, "allow")
        assert is_page(shown, LOGIN), url


@spec("OIDC Core", "3.1.2.1")
def test_a_new_request_needs_a_new_sign_in(returning: RelyingParty) -> None:
    returning.go_on(returning.visit(prompt="login"))
    assert is_page(returning.visit(prompt="login"), LOGIN)


@spec("OIDC Core", "3.1.2.4")
@pytest.mark.parametrize(
    "extra",
    [
        {"answer": "allow"},
        {"approval_prompt": "auto"},
        {"skip_authorization": "true"},
        {"first_party": "true"},
        {"consented_in": "x"},
        {"allow": "true"},
    ],
    ids=str,
)
def test_no_parameter_skips_consent(relying_party: RelyingParty, extra: dict[str, str]) -> None:
    relying_party.browser.sign_in(relying_party.user)
    page = relying_party.visit(**extra)
    assert is_page(page, CONSENT)
    relying_party.browser.open(str(page.url), **extra)
    assert not has_agreed(relying_party)


@spec("ASVS", "3.5.1")
@pytest.mark.parametrize("token", [None, "", "x" * 64, "another browser's"])
def test_consent_cannot_be_given_by_a_form_of_another_site(
    relying_party: RelyingParty, token: str | None
) -> None:
    browser = relying_party.browser
    page = browser.sign_in(relying_party.user, relying_party.visit())
    data = {"answer": "allow"}
    if token == "another browser's":
        with Browser() as elsewhere:
            form = forms_of(elsewhere.open(LOGIN))[0]
            data |= form.fields
    elif token is not None:
        data["csrfmiddlewaretoken"] = token
    response = browser.post(str(page.url), data=data)
    assert not response.headers.get("Location", "").startswith(relying_party.client.redirect_uri)
    assert not has_agreed(relying_party)


@spec("ASVS", "3.5.1")
@pytest.mark.parametrize("origin", ["https://evil.example", "null"])
def test_a_form_comes_from_a_page_of_ours(relying_party: RelyingParty, origin: str) -> None:
    browser = relying_party.browser
    page = browser.sign_in(relying_party.user, relying_party.visit())
    form = next(form for form in forms_of(page) if "allow" in form.buttons)
    data = {**form.fields, "answer": "allow"}
    browser.post(str(page.url), data=data, headers={"Origin": origin})
    assert not has_agreed(relying_party)


@spec("ASVS", "3.5.1")
def test_no_user_is_signed_in_or_out_by_a_form_of_another_site(returning: RelyingParty) -> None:
    stranger = make_user()
    returning.browser.post(LOGIN, data={"login": stranger.email, "password": stranger.password})
    returning.browser.post("/account/logout/")
    hint = returning.tokens()["id_token"]
    assert returning.answer(returning.visit(prompt="none", id_token_hint=hint)).code
    with Browser() as elsewhere:
        data = {"login": stranger.email, "password": stranger.password}
        elsewhere.post(LOGIN, data=data, headers={"Origin": "https://evil.example"})
        assert is_page(elsewhere.open("/account/"), LOGIN)


@spec("RFC 9110", "9.2.1")
@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_get_changes_nothing(relying_party: RelyingParty, method: str) -> None:
    browser = relying_party.browser
    page = browser.sign_in(relying_party.user, relying_party.visit())
    interactions = interaction_at(page).partition("=")[2]
    for url in (
        f"/consent?interaction={interactions}&answer=allow",
        f"/consent?interaction={interactions}&answer=deny",
        "/account/logout/?confirm-logout=1",
        f"/account/login/?fresh=1&login={relying_party.user.email}&password=x",
        "/account/signup/?email=x@example.com&password1=xxxxxxxxxxxxxxxx",
        f"/account/password/reset/?email={relying_party.user.email}",
        "/language?language=de",
        f"/language?language=de&interaction={interactions}",
    ):
        assert browser.request(method, url).status_code < 500
    assert not has_agreed(relying_party)
    assert '<html lang="en"' in browser.open(str(page.url)).text
    assert relying_party.answer(browser.submit(page, "allow")).code


@spec("OIDC Core", "3.1.2.4")
def test_consent_of_one_session_does_not_count_for_another(returning: RelyingParty) -> None:
    page = returning.visit(prompt="consent")
    with Browser() as elsewhere:
        elsewhere.sign_in(returning.user)
        path = interaction_at(page)
        assert is_page(elsewhere.open(path), CONSENT)
        question = elsewhere.open(path)
        elsewhere.settle = lambda response: response  # agreed, and not gone on yet
        elsewhere.submit(question, "allow")
        assert is_page(returning.browser.open(path), CONSENT)


@spec("OIDC Core", "3.1.2.4")
def test_consent_of_one_user_does_not_count_for_the_next_at_the_same_browser(
    returning: RelyingParty,
) -> None:
    page = returning.visit(prompt="consent")
    path = interaction_at(page)
    other = make_user()
    switched = returning.browser.open(f"/account/login/?fresh=1&next={path}")
    shown = returning.browser.sign_in(other, switched)
    assert is_page(shown, CONSENT)
    assert other.email in shown.text


@spec("ASVS", "3.5.3")
def test_a_stolen_id_of_a_request_shows_nothing_of_its_user(returning: RelyingParty) -> None:
    page = returning.visit(prompt="consent", scope="openid profile")
    with Browser() as elsewhere:
        for path in (interaction_at(page), str(page.url)):
            shown = elsewhere.open(path)
            assert is_page(shown, LOGIN)
            assert returning.user.email not in shown.text


@spec("ASVS", "7.2.4")
def test_signing_in_changes_the_session_cookie(relying_party: RelyingParty) -> None:
    browser = relying_party.browser
    page = browser.sign_in(relying_party.user)
    before = browser.cookies["signet-session"]
    page = browser.open("/account/login/?fresh=1&next=/account/")
    browser.sign_in(relying_party.user, page)
    assert browser.cookies["signet-session"] != before
    with Browser() as thief:
        thief.cookies.set("signet-session", before)
        assert is_page(thief.open("/account/"), LOGIN)


@spec("ASVS", "7.2.4")
def test_a_session_that_an_attacker_planted_is_not_signed_in(relying_party: RelyingParty) -> None:
    browser = relying_party.browser
    browser.cookies.set("signet-session", "a" * 32)
    browser.sign_in(relying_party.user)
    assert is_page(browser.open("/account/"), "/account/")
    with Browser() as attacker:
        attacker.cookies.set("signet-session", "a" * 32)
        assert is_page(attacker.open("/account/"), LOGIN)


@spec("ASVS", "7.4.1")
def test_a_stolen_session_is_dead_after_signing_out(returning: RelyingParty) -> None:
    with Browser() as thief:
        for name, value in returning.browser.cookies.items():
            thief.cookies.set(name, value)
        stolen = RelyingParty(returning.client, thief, returning.user)
        assert stolen.answer(stolen.visit(prompt="none")).code
        returning.browser.submit(returning.browser.open("/account/logout/"), "confirm-logout")
        assert stolen.answer(stolen.visit(prompt="none")).error == "login_required"


@spec("ASVS", "3.3.1")
@pytest.mark.parametrize("path", [LOGIN, "/account/signup/", "/authorize?interaction=x"])
def test_cookies_are_for_us_and_not_for_scripts(returning: RelyingParty, path: str) -> None:
    answers = [
        httpx.get(f"{ISSUER}{path}", verify=False),
        returning.browser.post(LOGIN, data={}),
        returning.browser.get(path),
    ]
    cookies = [c for answer in answers for c in answer.headers.get_list("Set-Cookie")]
    kept = [cookie for cookie in cookies if "Max-Age=0" not in cookie]
    assert kept
    for cookie in kept:
        assert "HttpOnly" in cookie
        assert "SameSite=Lax" in cookie
        assert "Domain=" not in cookie
        assert "Path=/" in cookie


@spec("ASVS", "10.7.1")
def test_a_disabled_client_gets_no_answer_from_a_page_that_is_open(
    relying_party: RelyingParty,
) -> None:
    page = relying_party.browser.sign_in(relying_party.user, relying_party.visit())
    make_client(client_id=relying_party.client.client_id, enabled=False)
    for button in ("allow", "deny"):
        ended = relying_party.browser.submit(page, button)
        assert not ended.is_redirect, button
        assert is_error_page(ended)
