"""Signing in and out with an email address and a password."""

from accounts.models import Session, User
from idp.declaration import apply
from tests.relying_party import Browser, EndUser, is_page, make_user


def test_signing_in_makes_a_session_with_its_when_and_how(browser: Browser, user: EndUser) -> None:
    assert is_page(browser.type_password(user), "/account/")
    session = Session.objects.get(user__email=user.email)
    assert [record["method"] for record in session.methods] == ["password"]
    assert session.ended_at is None
    assert session.user_agent == "Test"
    assert session.ip_address == browser.headers["X-Forwarded-For"]


def test_capitals_of_the_address_do_not_matter(browser: Browser, user: EndUser) -> None:
    user.email = user.email.upper()
    assert is_page(browser.type_password(user), "/account/")


def test_a_wrong_password_and_an_unknown_user_look_the_same(
    browser: Browser, user: EndUser
) -> None:
    unknown = EndUser("nobody-" + user.email, "whatever it may be", "")
    user.password = "wrong"
    pages = [browser.sign_in(user), browser.sign_in(unknown)]
    assert [page.status_code for page in pages] == [200, 200]
    texts = [
        page.text.replace(whose.email, "…").split("<main")[1].split("<footer")[0]
        for page, whose in zip(pages, (user, unknown), strict=True)
    ]
    assert "don’t match" in texts[0]
    tokens = [text.split('csrfmiddlewaretoken" value="')[1].split('"')[0] for text in texts]
    assert texts[0].replace(tokens[0], "") == texts[1].replace(tokens[1], "")


def test_signing_out_ends_the_session_also_for_a_thief(browser: Browser, user: EndUser) -> None:
    browser.sign_in(user)
    with Browser() as thief:
        thief.cookies.update(browser.cookies)
        assert is_page(thief.open("/account/"), "/account/")
        page = browser.submit(browser.open("/account/logout/"), "confirm-logout")
        assert is_page(page, "/account/signed-out/")
        assert is_page(thief.open("/account/"), "/account/login/")
    assert Session.objects.get(user__email=user.email).ending == "signed-out"


def test_the_session_id_changes_at_sign_in(browser: Browser, user: EndUser) -> None:
    page = browser.open("/account/login/")
    browser.cookies.set("signet-session", "planted-by-somebody-else", domain="localhost.local")
    browser.sign_in(user, page)
    first = browser.cookies["signet-session"]
    assert first != "planted-by-somebody-else"
    browser.sign_in(user, browser.open("/account/login/", fresh="1"))
    assert browser.cookies["signet-session"] != first


def test_signing_in_again_keeps_the_session_and_renews_its_time(
    browser: Browser, user: EndUser
) -> None:
    browser.sign_in(user)
    before = Session.objects.get(user__email=user.email)
    browser.sign_in(user, browser.open("/account/login/", fresh="1"))
    after = Session.objects.get(user__email=user.email)
    assert after.pk == before.pk
    assert after.authenticated_at > before.authenticated_at


def test_another_user_at_the_same_browser_ends_the_first_ones_session(
    browser: Browser, user: EndUser
) -> None:
    other = make_user()
    browser.sign_in(user)
    home = browser.sign_in(other, browser.open("/account/login/", fresh="1"))
    assert other.email in home.text
    assert Session.objects.get(user__email=user.email).ending == "another-user"
    theirs = Session.objects.get(user__email=other.email)
    assert [record["method"] for record in theirs.methods] == ["password"]


def test_a_disabled_user_is_out_at_once_and_cannot_come_back(
    browser: Browser, user: EndUser
) -> None:
    browser.sign_in(user)
    User.objects.filter(email=user.email).update(is_active=False)
    page = browser.open("/account/")
    assert is_page(page, "/account/login/")
    assert is_page(browser.sign_in(user, page), "/account/inactive/")
    assert is_page(browser.open("/account/"), "/account/login/")


def test_a_password_changed_elsewhere_signs_out(browser: Browser, user: EndUser) -> None:
    browser.sign_in(user)
    user_row = User.objects.get(email=user.email)
    user_row.set_password("another one altogether")
    user_row.save()
    assert is_page(browser.open("/account/"), "/account/login/")


def test_a_password_that_an_operator_changes_ends_the_sessions(
    browser: Browser, user: EndUser
) -> None:
    browser.sign_in(user)
    entry = {"email": user.email, "password": "chosen by the operator"}
    apply({"users": [entry]}, dry_run=False)
    assert Session.objects.get(user__email=user.email).ending == "password-changed"


def test_only_paths_of_our_own_are_gone_on_to(browser: Browser, user: EndUser) -> None:
    for target in ("https://evil.example/", "//evil.example/", "/\\evil.example", "javascript:x"):
        with Browser() as browser:
            page = browser.open("/account/login/", next=target)
            assert is_page(browser.sign_in(user, page), "/account/"), target
