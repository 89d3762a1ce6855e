"""A thief with a stolen session cookie, or with the password, at the pages against thieves.

“This wasn't me” must not lock the owner out or give the thief a new password; an export must not be
had by a stale session, or be another user's.
"""

from collections.abc import Iterator
from datetime import timedelta
from urllib.parse import parse_qs

import pytest
from django.conf import settings
from django.core.management import call_command
from django.utils import timezone

from accounts.models import Session, User
from idp.data_exports import stored
from idp.endpoints import not_me, your_data
from idp.models import DataExport, Event
from tests.relying_party import (
    Browser,
    EndUser,
    RelyingParty,
    forms_of,
    is_page,
    mailed_code,
    make_client,
    make_user,
    make_user_with_app,
    was_mailed,
)

NOT_ME, DATA = "/account/not-me/", "/account/data/"
CODE_PAGE = "/account/password/reset/confirm/"
NEW_PASSWORD = "tall blue garden gate"


@pytest.fixture
def thief(provider: object) -> Iterator[Browser]:
    with Browser() as browser:
        yield browser


def steal(thief: Browser, victim: Browser) -> None:
    """Copy the session cookie alone."""
    name = settings.SESSION_COOKIE_NAME
    thief.cookies.set(name, victim.cookies[name], domain="localhost.local")


def row_of(user: EndUser) -> User:
    return User.objects.get(email=user.email)


def test_a_stolen_session_ends_sessions_and_no_more(
    browser: Browser, user: EndUser, thief: Browser
) -> None:
    browser.sign_in(user)
    steal(thief, browser)
    password = row_of(user).password
    code_page = thief.submit(thief.open(NOT_ME), "secure")
    assert is_page(code_page, CODE_PAGE)
    # The code is in the owner's mailbox, and the session is of no use any more.
    for path in ("/account/", "/account/email/", "/account/two-steps/app/", DATA, NOT_ME):
        assert not thief.open(path).text.count(user.email), path
    guessed = [thief.submit(code_page, code=f"{number:06}") for number in range(6)]
    assert all("password1" not in page.text for page in guessed)
    assert row_of(user).password == password
    # The owner signs in as before.
    assert is_page(browser.type_password(user), "/account/")


def test_the_owner_signs_everybody_out_and_sets_a_password(
    browser: Browser, user: EndUser, thief: Browser
) -> None:
    browser.sign_in(user)
    thief.sign_in(user)
    app = RelyingParty(make_client(), thief, user)
    token = app.tokens()["access_token"]
    signed_in = Event.objects.filter(user__email=user.email, kind="signed-in").latest("pk")
    page = browser.open(NOT_ME, about=signed_in.reference)
    assert "You signed in" in page.text
    code_page = browser.submit(page, "secure")
    assert not Session.objects.filter(user__email=user.email, ended_at=None).exists()
    assert app.userinfo(token).status_code == 401
    assert is_page(thief.open("/account/"), "/account/login/")
    new = browser.submit(code_page, code=mailed_code(user.email))
    done = browser.submit(new, password1=NEW_PASSWORD)
    assert is_page(done, NOT_ME)
    assert "Check what was changed" in done.text
    assert "Your password was changed" in done.text
    assert not is_page(thief.type_password(user), "/account/"), "the old password is void"
    told = Event.objects.get(user__email=user.email, kind="not-me")
    assert told.details["about"] == signed_in.reference


def test_who_knows_the_password_gets_no_new_one(user: EndUser, thief: Browser) -> None:
    thief.sign_in(user)
    page = thief.submit(thief.open(NOT_ME), "secure")
    assert is_page(page, CODE_PAGE)
    assert not any("password1" in form.fields for form in forms_of(page))
    assert was_mailed(user.email, "new password")


def test_the_second_factor_stays(browser: Browser, thief: Browser) -> None:
    """Who reads the mail alone is asked for the second factor after the new password."""
    user = make_user_with_app()
    browser.sign_in(user)
    code_page = browser.submit(browser.open(NOT_ME), "secure")
    new = browser.submit(code_page, code=mailed_code(user.email))
    asked = browser.submit(new, password1=NEW_PASSWORD)
    assert is_page(asked, "/account/login/code/")
    assert not Session.objects.filter(user__email=user.email, ended_at=None).exists()


def test_many_reports_end_sessions_but_mail_no_more(browser: Browser, user: EndUser) -> None:
    for _ in range(not_me.CODE_MAILS.allowed + 1):
        browser.sign_in(user)
        page = browser.submit(browser.open(NOT_ME), "secure")
        assert page.status_code == 200
        assert not Session.objects.filter(user__email=user.email, ended_at=None).exists()
    assert is_page(page, "/account/password/reset/")


def test_a_get_and_a_foreign_form_change_nothing(browser: Browser, user: EndUser) -> None:
    browser.sign_in(user)
    browser.open(NOT_ME, about="x", done="1")
    for path in (NOT_ME, DATA):
        browser.settle(browser.post(path, headers={"Origin": "https://evil.example"}))
    assert Session.objects.filter(user__email=user.email, ended_at=None).count() == 1
    assert list(Event.objects.filter(user__email=user.email).values_list("kind", flat=True)) == [
        "signed-in"
    ]


def test_who_is_signed_out_is_led_to_a_new_password(browser: Browser) -> None:
    page = browser.open(NOT_ME)
    assert is_page(page, NOT_ME)
    assert "/account/password/reset/?next=%2Faccount%2Fnot-me%2F%3Fdone%3D1" in page.text


def age_session(user: EndUser) -> None:
    long_ago = timezone.now() - timedelta(hours=1)
    Session.objects.filter(user__email=user.email).update(authenticated_at=long_ago)


def test_a_stale_session_exports_nothing(
    browser: Browser, user: EndUser, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser.sign_in(user)
    export = made(user)
    age_session(user)
    asked = browser.submit(browser.open(DATA), "export-data")
    assert is_page(asked, "/account/login/")
    assert parse_qs(asked.url.query.decode())["next"] == [DATA]
    fetched = browser.open(f"{DATA}{export.pk}/")
    assert is_page(fetched, "/account/login/")
    assert not Event.objects.filter(user__email=user.email, kind="exported").exists()


def made(user: EndUser) -> DataExport:
    """Return an export of the user's that a worker has made."""
    stored.ask(row_of(user), timezone.now())
    call_command("worker", "--once")
    return DataExport.objects.get(user__email=user.email)


def test_an_export_is_its_users_alone(browser: Browser, user: EndUser, thief: Browser) -> None:
    export = made(user)
    assert user.email not in export.content, "it is encrypted"
    thief.sign_in(make_user())
    assert thief.get(f"{DATA}{export.pk}/").status_code == 404
    with Browser() as stranger:
        assert is_page(stranger.open(f"{DATA}{export.pk}/"), "/account/login/")
    browser.sign_in(user)
    answer = browser.get(f"{DATA}{export.pk}/")
    assert answer.json()["account"]["sub"] == user.sub
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert answer.headers["Cache-Control"] == "no-store"
    for odd in ("x", "%00", "..%2f", export.pk[:-1]):
        assert browser.get(f"{DATA}{odd}/").status_code in {400, 404}
    old = timezone.now() - timedelta(days=4)
    DataExport.objects.filter(pk=export.pk).update(asked_at=old)
    assert browser.get(f"{DATA}{export.pk}/").status_code == 404
    call_command("worker", "--once")
    assert not DataExport.objects.filter(pk=export.pk).exists()


def test_exports_are_limited(browser: Browser, user: EndUser) -> None:
    browser.sign_in(user)
    page = browser.open(DATA)
    answers = [browser.submit(page, "export-data") for _ in range(your_data.EXPORTS.allowed + 1)]
    assert [answer.status_code for answer in answers] == [*[200] * your_data.EXPORTS.allowed, 429]
    assert answers[-1].headers["Retry-After"]
