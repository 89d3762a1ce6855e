"""Making an account: the address is verified by a code, and no one learns who has one already."""

import pytest
from django.conf import settings

from accounts.models import Session, User
from tests.ports import free_port
from tests.relying_party import (
    Browser,
    EndUser,
    RelyingParty,
    is_page,
    mailed_code,
    make_client,
    make_user,
    unique,
    verified,
)

PASSWORD = "a quiet boat on the river"


@pytest.fixture
def newcomer() -> EndUser:
    return EndUser(f"{unique('neo')}@example.com", PASSWORD, "")


def sign_up(browser: Browser, newcomer: EndUser, **query: str):
    page = browser.open("/account/signup/", **query)
    return browser.submit(page, email=newcomer.email, password1=newcomer.password)


def test_the_code_from_the_mail_finishes_it_and_signs_in(
    browser: Browser, newcomer: EndUser
) -> None:
    page = sign_up(browser, newcomer)
    assert is_page(page, "/account/confirm-email/")
    home = browser.submit(page, code=mailed_code(newcomer.email))
    assert is_page(home, "/account/")
    assert newcomer.email in home.text


def test_it_continues_to_the_app_that_it_was_for(browser: Browser, newcomer: EndUser) -> None:
    relying_party = RelyingParty(make_client(first_party=True), browser, newcomer)
    sign_in = relying_party.visit(scope="openid email")
    page = sign_up(browser, newcomer, next=sign_in.url.params["next"])
    assert "Test app" in page.text or "next" in page.url.params
    answer = relying_party.answer(browser.submit(page, code=mailed_code(newcomer.email)))
    tokens = relying_party.exchange(answer.code).json()
    assert relying_party.userinfo(tokens["access_token"]).json()["email_verified"] is True
    assert verified(tokens["id_token"])["auth_time"]


def test_an_unproven_address_is_proven_before_signing_in(browser: Browser) -> None:
    unproven = make_user(email_verified=False)
    page = browser.sign_in(unproven)
    assert is_page(page, "/account/confirm-email/")
    assert is_page(browser.open("/account/"), "/account/login/")
    assert not Session.objects.filter(user__email=unproven.email).exists()
    assert is_page(browser.submit(page, code=mailed_code(unproven.email)), "/account/")


def test_beginning_anew_sends_a_code_and_the_first_password_is_gone(
    browser: Browser, newcomer: EndUser
) -> None:
    another_user = EndUser(newcomer.email, "somebody else's choice", "")
    with Browser() as earlier:
        sign_up(earlier, another_user)
        first = mailed_code(newcomer.email)
    page = sign_up(browser, newcomer)
    code = mailed_code(newcomer.email, after=first)
    assert is_page(browser.submit(page, code=code), "/account/")
    with Browser() as elsewhere:
        assert is_page(elsewhere.sign_in(another_user), "/account/login/")
        assert is_page(elsewhere.type_password(newcomer), "/account/")


def test_an_account_that_an_operator_made_does_not_make_way(browser: Browser) -> None:
    unproven = make_user(email_verified=False)
    sign_up(browser, EndUser(unproven.email, PASSWORD, ""))
    assert str(User.objects.get(email=unproven.email).sub) == unproven.sub


def test_five_wrong_codes_end_it_and_the_text_says_what_helps(
    browser: Browser, newcomer: EndUser
) -> None:
    page = sign_up(browser, newcomer)
    right = mailed_code(newcomer.email)
    wrong = f"{(int(right) + 1) % 1_000_000:06}"
    for _ in range(4):
        page = browser.submit(page, code=wrong)
        assert is_page(page, "/account/confirm-email/")
    page = browser.submit(page, code=wrong)
    assert is_page(page, "/account/signup/")
    assert "Start again for another one" in page.text
    assert is_page(browser.open("/account/confirm-email/"), "/account/login/")
    # So it does.
    page = sign_up(browser, newcomer)
    assert is_page(browser.submit(page, code=mailed_code(newcomer.email, after=right)), "/account/")


def test_five_wrong_codes_of_an_older_account_lead_to_the_sign_in_page(browser: Browser) -> None:
    unproven = make_user(email_verified=False)
    page = browser.sign_in(unproven)
    wrong = f"{(int(mailed_code(unproven.email)) + 1) % 1_000_000:06}"
    for _ in range(5):
        page = browser.submit(page, code=wrong)
    assert is_page(page, "/account/login/")
    assert "Start again for another one" in page.text


def test_a_taken_address_looks_the_same_from_outside(browser: Browser, newcomer: EndUser) -> None:
    known = make_user()
    with Browser() as other:
        pages = [
            sign_up(browser, newcomer),
            sign_up(other, EndUser(known.email, PASSWORD, "")),
        ]
    assert [page.url.path for page in pages] == ["/account/confirm-email/"] * 2
    bare = [
        page.text.replace(email, "…").split("<main")[1].split("csrfmiddlewaretoken")[0]
        for page, email in zip(pages, (newcomer.email, known.email), strict=True)
    ]
    assert bare[0] == bare[1]
    assert User.objects.filter(email=known.email).count() == 1


@pytest.mark.parametrize("password", ["short", "passwordpassword1"[:8], "x" * 14])
def test_weak_passwords_are_refused_with_the_address_kept(
    browser: Browser, newcomer: EndUser, password: str
) -> None:
    newcomer.password = password
    page = sign_up(browser, newcomer)
    assert is_page(page, "/account/signup/")
    assert newcomer.email in page.text
    assert 'role="alert"' in page.text


def test_it_can_be_closed(provider, tmp_path) -> None:
    import httpx

    from tests.conftest import Server

    issuer = settings.IDP_ISSUER.rsplit(":", 1)[0]
    port = free_port()
    server = Server(f"{issuer}:{port}", tmp_path / "log", IDP_SIGNUP="invite")
    try:
        server.wait()
        page = httpx.get(f"{issuer}:{port}/account/signup/")
        assert "Sign-up is closed" in page.text
        assert "Create an account" not in httpx.get(f"{issuer}:{port}/account/login/").text
    finally:
        server.stop()
