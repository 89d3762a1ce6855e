"""Several accounts in one browser, choosing one, and making one. OIDC Core §3.1.2.1."""

import pytest

from accounts.models import Session
from tests.relying_party import (
    Browser,
    EndUser,
    RelyingParty,
    forms_of,
    is_page,
    mailed_code,
    make_client,
    make_user,
    spec,
    unique,
    verified,
)

CHOOSE, LOGIN = "/account/choose/", "/account/login/"


def session_of(user: EndUser) -> Session:
    return Session.objects.get(user__email=user.email, ended_at=None)


def choose(browser: Browser, user: EndUser, page=None):
    page = page or browser.open(CHOOSE)
    assert is_page(page, CHOOSE), page.url
    return press(browser, page, "account", session_of(user).pk)


def press(browser: Browser, page, name: str, value: str):
    """Press a button of the chooser's forms, of which each has a value."""
    assert f'name="{name}" value="{value}"' in page.text, page.text
    form = next(form for form in forms_of(page) if "csrfmiddlewaretoken" in form.fields)
    return browser.settle(
        browser.post(
            CHOOSE,
            data={**form.fields, name: value},
            headers={"Origin": str(browser.base_url).rstrip("/"), "Referer": str(page.url)},
        )
    )


def use_another(browser: Browser, user: EndUser):
    page = press(browser, browser.open(CHOOSE), "another", "sign-in")
    assert is_page(page, LOGIN)
    return browser.sign_in(user, page)


@pytest.fixture
def other() -> EndUser:
    return make_user()


@pytest.fixture
def two(returning: RelyingParty, other: EndUser) -> RelyingParty:
    """The user, who has agreed to the client, is inactive; another one is present."""
    use_another(returning.browser, other)
    return returning


def sub_of(relying_party: RelyingParty, code: str | None) -> str:
    return verified(relying_party.exchange(code).json()["id_token"])["sub"]


def test_both_stay_signed_in_and_switching_changes_who_is_present(
    two: RelyingParty, other: EndUser
) -> None:
    browser = two.browser
    first, second = session_of(two.user), session_of(other)
    key = browser.cookies["signet-session"]
    assert other.email in browser.open("/account/").text
    choose(browser, two.user)
    assert two.user.email in browser.open("/account/").text
    assert browser.cookies["signet-session"] != key
    assert {session_of(two.user).pk, session_of(other).pk} == {first.pk, second.pk}
    assert sub_of(two, two.answer(two.visit()).code) == two.user.sub


@spec("OIDC Core", "3.1.2.1")
def test_select_account_asks_once_where_there_is_a_choice(two: RelyingParty) -> None:
    page = two.visit(prompt="select_account")
    assert is_page(page, CHOOSE)
    answer = two.answer(choose(two.browser, two.user, page))
    assert sub_of(two, answer.code) == two.user.sub
    assert is_page(two.visit(prompt="select_account"), CHOOSE)


@spec("OIDC Core", "3.1.2.1")
def test_select_account_with_one_account_is_the_sign_in_page(returning: RelyingParty) -> None:
    page = returning.visit(prompt="select_account")
    assert is_page(page, LOGIN)
    assert "Use another account" in page.text
    answer = press(returning.browser, page, "account", session_of(returning.user).pk)
    assert returning.answer(answer).code


def test_a_choice_counts_for_the_session_that_made_it(two: RelyingParty, other: EndUser) -> None:
    page = two.visit(prompt="select_account")
    interactions = page.url.params["next"]
    two.browser.settle = lambda response: response  # chosen, and not gone on yet
    choose(two.browser, two.user, page)
    del two.browser.settle
    choose(two.browser, other)
    assert is_page(two.browser.open(interactions), CHOOSE)


@spec("OIDC Core", "3.1.2.6")
def test_silence_uses_the_present_account_or_says_why_not(
    two: RelyingParty, other: EndUser
) -> None:
    assert two.answer(two.visit(prompt="none")).error == "consent_required"
    answer = two.answer(two.visit(prompt="none", login_hint=two.user.email))
    assert answer.error == "account_selection_required"
    choose(two.browser, two.user)
    assert two.answer(two.visit(prompt="none", login_hint=two.user.email)).code


@spec("OIDC Core", "3.1.2.1")
def test_a_hint_at_another_account_here_offers_it(two: RelyingParty, other: EndUser) -> None:
    page = two.visit(login_hint=two.user.email.upper())
    assert is_page(page, CHOOSE)
    assert page.text.index(two.user.email) < page.text.index(other.email)
    assert two.answer(choose(two.browser, two.user, page)).code


@spec("OIDC Core", "3.1.2.1")
def test_an_id_token_hint_of_a_parked_account(returning: RelyingParty, other: EndUser) -> None:
    hint = returning.exchange(returning.answer(returning.visit()).code).json()["id_token"]
    use_another(returning.browser, other)
    silent = returning.answer(returning.visit(prompt="none", id_token_hint=hint))
    assert silent.error == "account_selection_required"
    page = returning.visit(id_token_hint=hint)
    assert returning.answer(choose(returning.browser, returning.user, page)).code


@spec("OIDC RP-Initiated Logout", "2")
def test_a_hint_of_a_parked_session_ends_that_one(returning: RelyingParty, other: EndUser) -> None:
    hint = returning.exchange(returning.answer(returning.visit()).code).json()["id_token"]
    use_another(returning.browser, other)
    page = returning.browser.open("/end_session", id_token_hint=hint)
    assert is_page(page, "/account/")
    assert other.email in page.text
    assert not Session.objects.filter(user__email=returning.user.email, ended_at=None).exists()


def test_signing_out_leaves_the_others_and_says_so(two: RelyingParty, other: EndUser) -> None:
    browser = two.browser
    page = browser.submit(browser.open("/account/logout/"), "confirm-logout")
    assert "still signed in" in page.text
    assert two.user.email in page.text
    shown = two.visit()
    assert is_page(shown, CHOOSE)
    assert two.answer(choose(browser, two.user, shown)).code


def test_sign_out_of_all(two: RelyingParty, other: EndUser) -> None:
    page = press(two.browser, two.browser.open(CHOOSE), "sign-out", "all")
    assert is_page(page, "/account/signed-out/")
    assert two.user.email not in page.text
    emails = [two.user.email, other.email]
    assert not Session.objects.filter(user__email__in=emails, ended_at=None).exists()


def test_signing_in_to_a_parked_account_goes_on_with_its_session(
    two: RelyingParty, other: EndUser
) -> None:
    before = session_of(two.user).pk
    use_another(two.browser, two.user)
    assert session_of(two.user).pk == before
    assert session_of(other)


def test_five_accounts_at_most(browser: Browser, user: EndUser) -> None:
    browser.sign_in(user)
    for _ in range(4):
        use_another(browser, make_user())
    assert "Use another account" not in browser.open(CHOOSE).text


@spec("OIDC Core", "3.1.2.1")
def test_create_opens_sign_up_and_is_satisfied_by_it(relying_party: RelyingParty) -> None:
    page = relying_party.visit(prompt="create")
    assert is_page(page, "/account/signup/")
    email = f"{unique('new')}@example.com"
    page = relying_party.browser.submit(page, email=email, password1="tall blue garden gate")
    page = relying_party.browser.submit(page, code=mailed_code(email))
    assert is_page(page, "/consent")
    assert relying_party.answer(relying_party.browser.submit(page, "allow")).code


def test_create_for_a_user_signed_in(returning: RelyingParty) -> None:
    browser = returning.browser
    page = returning.visit(prompt="create")
    assert "Create another account?" in page.text
    assert is_page(press(browser, page, "another", "sign-up"), "/account/signup/")
    assert session_of(returning.user)


def test_declining_to_create_goes_on(returning: RelyingParty) -> None:
    page = returning.visit(prompt="create")
    page = press(returning.browser, page, "account", session_of(returning.user).pk)
    assert returning.answer(page).code


def test_connected_apps_are_shown_and_removed(browser: Browser, user: EndUser) -> None:
    client = make_client(initiate_login_uri="https://rp.example.com/start?x=1")
    relying_party = RelyingParty(client, browser, user)
    tokens = relying_party.tokens(scope="openid email")
    page = browser.open("/account/apps/")
    assert "Test app" in page.text
    assert "https://rp.example.com/start?x=1&amp;iss=http" in page.text
    assert user.email in page.text
    form = next(form for form in forms_of(page) if not form.action and form.fields)
    browser.post("/account/apps/", data={**form.fields, "remove": client.client_id})
    assert relying_party.userinfo(tokens["access_token"]).status_code == 401
    assert relying_party.answer(relying_party.visit(prompt="none")).error == "consent_required"
