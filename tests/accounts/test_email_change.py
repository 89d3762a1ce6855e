"""A user changes their email address; the one it was taken from puts it back."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from urllib.parse import urlsplit

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from django.utils import timezone

from accounts import code_limits
from accounts.models import EmailChange, Session, User
from idp.models import Event
from tests.relying_party import (
    Browser,
    EndUser,
    RelyingParty,
    is_page,
    mailed_code,
    mailed_link,
    make_client,
    make_user,
    spec,
    unique,
)

EMAIL, CODE, RESET = "/account/email/", "/account/email/code/", "/account/password/reset/confirm/"
NEW = "three wise boats at anchor"


@pytest.fixture
def user_row(user: EndUser) -> User:
    return User.objects.get(email=user.email)


@pytest.fixture
def new(browser: Browser, user: EndUser) -> str:
    """An address that no user has; `user` is signed in."""
    browser.sign_in(user)
    return f"{unique('new')}@example.com"


def change(browser: Browser, email: str, typed: str = "") -> None:
    page = browser.submit(browser.open(EMAIL), email=typed or email)
    page = browser.submit(page, code=mailed_code(email))
    assert is_page(page, EMAIL)
    assert "Your email address is changed" in page.text


def wrong(code: str) -> str:
    return f"{(int(code) + 1) % 1_000_000:06}"


def addresses(user_row: User) -> list[tuple[str, bool, bool]]:
    rows = EmailAddress.objects.filter(user=user_row)
    return list(rows.values_list("email", "verified", "primary"))


def test_a_code_at_the_new_address_changes_it(
    browser: Browser, user: EndUser, user_row: User, new: str
) -> None:
    app = RelyingParty(make_client(scope="openid email"), browser, user)
    token = app.tokens(scope="openid email")["access_token"]
    with Browser() as elsewhere:
        elsewhere.sign_in(user)
        change(browser, new, typed=new.upper())
        assert is_page(elsewhere.open("/account/"), "/account/login/")
    assert addresses(user_row) == [(new, True, True)]
    claims = app.userinfo(token).json()
    assert (claims["email"], claims["email_verified"]) == (new, True)
    assert sorted(user_row.sessions.values_list("ending", flat=True)) == ["", "email-changed"]
    assert Event.objects.filter(user=user_row, kind="email-changed").count() == 1
    with Browser() as elsewhere:
        assert is_page(elsewhere.sign_in(user), "/account/login/")
        assert is_page(elsewhere.type_password(EndUser(new, user.password, "")), "/account/")


@spec("ASVS", "6.5.5")
def test_codes_are_few_and_wrong_ones_counted(
    browser: Browser, user: EndUser, user_row: User, new: str
) -> None:
    page = browser.submit(browser.open(EMAIL), email=new)
    assert is_page(page, CODE)
    code = mailed_code(new)
    assert is_page(browser.open(CODE, code=code), CODE)  # a GET changes nothing
    for _ in range(code_limits.ATTEMPTS.allowed):
        page = browser.submit(browser.open(CODE), code=wrong(code))
    assert "Too many wrong codes" in page.text
    assert is_page(browser.open(CODE), EMAIL)
    browser.submit(page, email=new)
    EmailChange.objects.filter(user=user_row).update(
        asked_at=timezone.now() - timedelta(minutes=10)
    )
    assert is_page(browser.open(CODE), EMAIL)
    for _ in range(3):
        page = browser.submit(browser.open(EMAIL), email=new)
    page = browser.submit(browser.open(EMAIL), email=new)
    assert page.status_code == 429
    assert addresses(user_row) == [(user.email, True, True)]


@spec("ASVS", "6.3.8")
def test_whether_another_user_has_it_is_not_told(
    browser: Browser, user: EndUser, user_row: User, new: str
) -> None:
    other = make_user()
    pages = []
    for email in (new, other.email):
        page = browser.submit(browser.open(EMAIL), email=email)
        typed = browser.submit(page, code="000000")
        pages.append([it.text.replace(email, "") for it in (page, typed)])
    plain = [[_without_tokens(text) for text in texts] for texts in pages]
    assert plain[0] == plain[1]
    for code in ("", "None"):
        assert is_page(browser.submit(browser.open(CODE), code=code), CODE)
    assert addresses(user_row) == [(user.email, True, True)]


def _without_tokens(text: str) -> str:
    return "\n".join(line for line in text.split("\n") if "csrfmiddlewaretoken" not in line)


def test_of_two_who_want_it_at_once_one_gets_it(browser: Browser, user: EndUser, new: str) -> None:
    other = make_user()
    with Browser() as theirs:
        theirs.sign_in(other)
        forms = []
        for whose in (browser, theirs):
            before = mailed_code(new) if forms else None
            page = whose.submit(whose.open(EMAIL), email=new)
            forms.append((whose, page, mailed_code(new, after=before)))
        with ThreadPoolExecutor(2) as threads:
            pages = list(threads.map(lambda form: form[0].submit(form[1], code=form[2]), forms))
    said = ["is changed" in page.text for page in pages]
    assert sorted(said) == [False, True]
    assert "can’t be yours" in pages[said.index(False)].text
    assert User.objects.filter(email=new).count() == 1
    assert EmailAddress.objects.filter(email=new).count() == 1


def test_a_sign_up_that_was_never_finished_does_not_hold_it(
    browser: Browser, user_row: User, new: str
) -> None:
    with Browser() as stranger:
        stranger.submit(stranger.open("/account/signup/"), email=new, password1=NEW)
    first = mailed_code(new)
    page = browser.submit(browser.open(EMAIL), email=new)
    browser.submit(page, code=mailed_code(new, after=first))
    assert addresses(user_row) == [(new, True, True)]


# --- undone --------------------------------------------------------------------------------------


def test_whoever_it_was_taken_from_gets_everything_back(
    browser: Browser, user: EndUser, user_row: User, new: str
) -> None:
    """The thief has the password, sets up an app, changes the address twice and leaves."""
    client = make_client(grant_types=["authorization_code", "refresh_token"])
    thiefs = RelyingParty(client, browser, user)
    with Browser() as thief, Browser() as victim:
        thief.sign_in(user)
        thief.set_up_app(EndUser(user.email, user.password, ""))
        thiefs.browser = thief
        kept = thiefs.tokens(scope="openid offline_access", prompt="consent")["refresh_token"]
        change(thief, new)
        link = mailed_link(user.email)
        newer = f"{unique('newer')}@example.com"
        change(thief, newer)
        thiefs_link = mailed_link(new)
        thief.submit(thief.open("/account/delete/"), "delete-account")

        page = victim.open(link)
        assert new in page.text
        assert addresses(user_row) == [(newer, True, True)], "opening it changes nothing"
        page = victim.submit(page, "undo")
        assert is_page(page, RESET)
        page = victim.submit(page, code=mailed_code(user.email))
        assert is_page(victim.submit(page, password1=NEW), "/account/")

        assert addresses(user_row) == [(user.email, True, True)]
        user_row.refresh_from_db()
        assert (user_row.is_active, user_row.deletion_due_at) == (True, None)
        assert not Authenticator.objects.filter(user=user_row).exists()
        assert thiefs.refresh(kept).json()["error"] == "invalid_grant"
        assert victim.get(thiefs_link).status_code == 410
        assert victim.get(link).status_code == 410
        for email in (user.email, new, newer):
            assert is_page(thief.sign_in(EndUser(email, user.password, "")), "/account/login/")
    assert Event.objects.filter(user=user_row, kind="email-restored").count() == 1


def test_putting_it_back_ends_sessions_the_password_and_a_reset_under_way(
    browser: Browser, user: EndUser, user_row: User, new: str
) -> None:
    change(browser, new)
    before = mailed_code(new)
    with Browser() as thief, Browser() as victim:
        page = thief.submit(thief.open("/account/password/reset/"), email=new)
        page = thief.submit(page, code=mailed_code(new, after=before))
        victim.submit(victim.open(mailed_link(user.email)), "undo")
        assert is_page(thief.submit(page, password1=NEW), "/account/password/reset/")
        assert is_page(thief.sign_in(user), "/account/login/")
    assert is_page(browser.open("/account/"), "/account/login/")
    assert list(user_row.sessions.values_list("ending", flat=True)) == ["email-restored"]
    user_row.refresh_from_db()
    assert not user_row.has_usable_password()


def test_a_second_factor_from_before_stays(
    browser: Browser, user: EndUser, user_row: User, new: str
) -> None:
    change(browser, new)
    TOTP.activate(user_row, generate_totp_secret())
    long_ago = timezone.now() - timedelta(days=8)
    Authenticator.objects.filter(user=user_row).update(created_at=long_ago)
    with Browser() as victim:
        page = victim.submit(victim.open(mailed_link(user.email)), "undo")
        page = victim.submit(page, code=mailed_code(user.email))
        page = victim.submit(page, password1=NEW)
        assert is_page(page, "/account/login/code/")


def test_what_undoes_nothing(browser: Browser, user: EndUser, user_row: User, new: str) -> None:
    change(browser, new)
    done = EmailChange.objects.get(user=user_row)
    path = urlsplit(mailed_link(user.email)).path
    token = path.split("/")[-2]
    with Browser() as stranger:
        page = stranger.open(path)
        assert page.headers["Referrer-Policy"] == "strict-origin"
        for forged in (
            f"{done.pk + 1}:{token.partition(':')[2]}",
            f"{token[:-1]}{'A' if token[-1] != 'A' else 'B'}",
            "x",
            "1:1:" + "a" * 43,
        ):
            assert stranger.get(path.replace(token, forged)).status_code == 410
        sent = stranger.post(path, headers={"Origin": "https://evil.example"})
        assert sent.is_redirect, "without the form's token"
        another_user = make_user(email=user.email)
        assert stranger.submit(page, "undo").status_code == 409
        assert another_user.email == user.email
    assert addresses(user_row) == [(new, True, True)]
    assert Session.objects.filter(user=user_row, ended_at=None).exists()


def test_an_operators_change_of_the_address_leaves_the_link(
    browser: Browser, user: EndUser, user_row: User, new: str
) -> None:
    """Else two changes would hide what one tells."""
    change(browser, new)
    with Browser() as operators:
        operators.sign_in(make_user(is_staff=True, is_superuser=True))
        page = operators.open(f"/admin/accounts/user/{user_row.pk}/change/")
        operators.submit(page, email=f"{unique('newer')}@example.com")
    assert browser.get(urlsplit(mailed_link(user.email)).path).status_code == 200
