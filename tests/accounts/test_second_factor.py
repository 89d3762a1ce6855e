"""An authenticator app and recovery codes: set up, asked for, renewed, turned off, lost."""

from datetime import timedelta
from typing import Any

import httpx
import pytest
from allauth.mfa.models import Authenticator
from cryptography.fernet import InvalidToken
from django.contrib.sessions.models import Session as BrowserSession
from django.db import connection
from django.http import HttpRequest
from django.utils import timezone

from accounts import app_secrets
from accounts.authentication import authentication_methods, has_second_factor
from accounts.models import Session, User
from accounts.second_factor import MOST_APPS, is_set_up, remove_all
from idp.models import Event
from tests.relying_party import (
    APPS,
    CODE_STEP,
    ISSUER,
    SET_UP,
    AuthenticatorApp,
    Browser,
    EndUser,
    RelyingParty,
    is_page,
    mailed_code,
    make_client,
    make_user,
    make_user_with_app,
    otpauth_address,
    recovery_codes_on,
    was_mailed,
)

LOGIN, HOME, OVERVIEW = "/account/login/", "/account/", "/account/two-steps/"
CODES, NEW_CODES = "/account/two-steps/recovery-codes/", "/account/two-steps/recovery-codes/new/"
DOWNLOAD = "/account/two-steps/recovery-codes/download/"
STEP_UP = "/account/login/more/"


@pytest.fixture
def careful(provider: object) -> EndUser:
    """A user with an authenticator app."""
    return make_user_with_app()


def user_of(user: EndUser) -> User:
    return User.objects.get(email=user.email)


def session_of(user: EndUser) -> Session:
    return Session.objects.filter(user__email=user.email).latest("created_at")


def save_codes(browser: Browser) -> None:
    browser.submit(browser.open(CODES), "saved-codes")


def signed_in_an_hour_ago(user: EndUser) -> None:
    Session.objects.filter(user__email=user.email).update(
        authenticated_at=timezone.now() - timedelta(hours=1)
    )


# --- Setting it up ---


def test_setting_up_from_the_first_page_of_the_account(browser: Browser, user: EndUser) -> None:
    home = browser.type_password(user)
    assert f'href="{OVERVIEW}"' in home.text
    overview = browser.open(OVERVIEW)
    assert f'href="{SET_UP}"' in overview.text
    page = browser.set_up_app(user, browser.open(SET_UP))
    assert is_page(page, CODES)
    assert "authenticator app is set up" in page.text
    assert len(set(user.recovery_codes)) == 10
    assert f'href="{OVERVIEW}"' in page.text
    overview = browser.open(OVERVIEW)
    assert "10 codes left" in overview.text
    assert "Not saved yet" in overview.text
    assert is_set_up(user_of(user))
    assert was_mailed(user.email, "An authenticator app was set up")


def test_the_page_hands_the_secret_over_in_three_ways(browser: Browser, user: EndUser) -> None:
    browser.sign_in(user)
    page = browser.open(SET_UP)
    address = httpx.URL(otpauth_address(page))
    assert address.params["issuer"] == ISSUER.partition("://")[2]
    assert user.email in address.path
    secret = address.params["secret"]
    grouped = " ".join(secret[at : at + 4] for at in range(0, len(secret), 4))
    assert f'data-copied="Copied">{grouped}<' in page.text
    drawing = page.text.partition('class="qr"')[2].partition("</svg>")[0]
    assert "<path" in drawing
    assert "style=" not in page.text
    assert "data:" not in page.text


def test_the_secret_outlives_reloads_other_tabs_and_wrong_codes(
    browser: Browser, user: EndUser
) -> None:
    browser.sign_in(user)
    page = browser.open(SET_UP)
    app = AuthenticatorApp(otpauth_address(page))
    assert otpauth_address(browser.open(SET_UP)) == otpauth_address(page)
    again = browser.submit(page, code=app.wrong_code())
    assert is_page(again, SET_UP)
    assert "That code is not right" in again.text
    assert not is_set_up(user_of(user))
    assert is_page(browser.submit(page, code=app.code()), CODES)


def test_a_wrong_code_and_none_are_announced(browser: Browser, careful: EndUser) -> None:
    page = browser.type_password(careful)
    for code in (careful.app.wrong_code(), "", "٣٣٣٣٣٣", "\x00", "x" * 5000):
        answer = browser.submit(page, code=code)
        assert is_page(answer, CODE_STEP)
        assert 'role="alert"' in answer.text
        assert 'aria-invalid="true"' in answer.text


def test_the_fields_know_what_they_are_for(browser: Browser, careful: EndUser) -> None:
    other = make_user()
    with Browser() as elsewhere:
        elsewhere.sign_in(other)
        pages = [browser.type_password(careful), elsewhere.open(SET_UP)]
    for page in pages:
        field = page.text.partition('name="code"')[2].partition(">")[0]
        assert 'autocomplete="one-time-code"' in field
        assert 'inputmode="numeric"' in field


def test_setting_up_leads_on(browser: Browser, user: EndUser) -> None:
    browser.sign_in(user)
    page = browser.set_up_app(user, browser.open(SET_UP, next="/developers/?a=b"))
    assert is_page(page, CODES)
    assert 'href="/developers/?a=b"' in page.text


def test_a_second_app_with_a_name_beside_the_first(browser: Browser, careful: EndUser) -> None:
    first = careful.app
    assert first
    browser.sign_in(careful)
    save_codes(browser)
    page = browser.open(SET_UP)
    second = AuthenticatorApp(otpauth_address(page))
    assert second.secret != first.secret
    page = browser.submit(page, code=second.code(), name="Tablet")
    assert is_page(page, APPS)
    assert "Tablet" in page.text
    assert "Authenticator app<" in page.text
    for app in (first, second):
        with Browser() as elsewhere:
            page = elsewhere.type_password(careful)
            assert is_page(elsewhere.submit(page, code=app.code()), HOME)


def test_apps_of_the_same_name_are_told_apart(browser: Browser, careful: EndUser) -> None:
    browser.sign_in(careful)
    save_codes(browser)
    page = browser.open(SET_UP)
    page = browser.submit(page, code=AuthenticatorApp(otpauth_address(page)).code())
    assert "Authenticator app 2" in page.text


def test_there_is_an_end_to_apps(browser: Browser, careful: EndUser) -> None:
    browser.sign_in(careful)
    row = Authenticator.objects.get(user__email=careful.email, type="totp")
    for _ in range(MOST_APPS - 1):
        Authenticator.objects.create(user=row.user, type="totp", data=row.data)
    assert f'href="{SET_UP}"' not in browser.open(APPS).text
    page = browser.open(SET_UP)
    page = browser.submit(page, code=AuthenticatorApp(otpauth_address(page)).code())
    assert is_page(page, SET_UP)
    assert "too many authenticator apps" in page.text


def test_renaming_an_app(browser: Browser, careful: EndUser) -> None:
    browser.sign_in(careful)
    row = Authenticator.objects.get(user__email=careful.email, type="totp")
    page = browser.open(f"/account/two-steps/{row.pk}/name/")
    assert 'value="Authenticator app"' in page.text
    page = browser.submit(page, name="Old phone")
    assert is_page(page, APPS)
    assert "Old phone" in page.text
    event = Event.objects.get(kind=Event.Kind.FACTOR_RENAMED, user=user_of(careful))
    assert (event.details["factor"], event.details["name"]) == ("totp", "Old phone")


def test_a_name_is_plain_text_and_ones_own(browser: Browser, careful: EndUser) -> None:
    browser.sign_in(careful)
    row = Authenticator.objects.get(user__email=careful.email, type="totp")
    address = f"/account/two-steps/{row.pk}/name/"
    for name in ("", "a\u202eb", "x" * 61, "a\x00b"):
        assert is_page(browser.submit(browser.open(address), name=name), address)
    with Browser() as elsewhere:
        elsewhere.sign_in(make_user())
        assert is_page(elsewhere.open(address), OVERVIEW)
    row.refresh_from_db()
    assert row.data["name"] == "Authenticator app"


def test_the_button_pressed_twice(browser: Browser, user: EndUser) -> None:
    browser.sign_in(user)
    page = browser.open(SET_UP)
    form = {"code": AuthenticatorApp(otpauth_address(page)).code()}
    form["csrfmiddlewaretoken"] = browser.cookies["signet-csrf"]
    headers = {"Origin": ISSUER}
    assert browser.post(SET_UP, data=form, headers=headers).headers["Location"] == CODES
    page = browser.settle(browser.post(SET_UP, data=form, headers=headers))
    assert is_page(page, CODES)
    assert len(recovery_codes_on(page)) == 10
    assert Authenticator.objects.filter(user__email=user.email, type="totp").count() == 1


def test_secrets_are_sealed_at_rest(browser: Browser, user: EndUser) -> None:
    browser.sign_in(user)
    page = browser.open(SET_UP)
    secret = httpx.URL(otpauth_address(page)).params["secret"]
    waiting = BrowserSession.objects.get(pk=browser.cookies["signet-session"])
    assert secret not in str(waiting.get_decoded())
    browser.set_up_app(user, page)
    rows = Authenticator.objects.filter(user__email=user.email)
    assert {row.type for row in rows} == {"totp", "recovery_codes"}
    for row in rows:
        sealed = row.data.get("secret") or row.data["seed"]
        assert sealed.startswith("gAAAA")
        assert secret not in str(row.data)
        assert app_secrets.unseal(sealed)


def test_the_index_that_allows_one_app_covers_recovery_codes_alone(database: None) -> None:
    """A migration of allauth's that makes it anew would forbid a second app (docs/adr/0035)."""
    with connection.cursor() as cursor:
        found = connection.introspection.get_constraints(cursor, "mfa_authenticator")
        assert found["unique_authenticator_type"]["unique"]
        table = "pg_indexes" if connection.vendor == "postgresql" else "sqlite_master"
        column = "indexdef, indexname" if connection.vendor == "postgresql" else "sql, name"
        cursor.execute(f"SELECT {column} FROM {table}")
        definition = {name: text for text, name in cursor.fetchall()}["unique_authenticator_type"]
    assert "recovery_codes" in definition
    assert "totp" not in definition


# --- Signing in ---


def test_signing_in_takes_two_steps_and_is_recorded_as_both(
    browser: Browser, careful: EndUser
) -> None:
    page = browser.type_password(careful)
    assert is_page(page, CODE_STEP)
    assert careful.email in page.text
    assert is_page(browser.submit(page, code=careful.app.code()), HOME)
    session = session_of(careful)
    assert [record["method"] for record in session.methods] == ["password", "mfa"]
    assert session.authenticated_at.timestamp() == pytest.approx(session.methods[1]["at"])


def test_a_code_may_be_typed_in_groups(browser: Browser, careful: EndUser) -> None:
    code = careful.app.code()
    page = browser.submit(browser.type_password(careful), code=f" {code[:3]} {code[3:]} ")
    assert is_page(page, HOME)


def test_a_recovery_code_in_the_same_field(browser: Browser, careful: EndUser) -> None:
    page = browser.submit(browser.type_password(careful), code=careful.recovery_codes[0])
    assert is_page(page, HOME)
    assert "9 codes left" in browser.open(OVERVIEW).text


def test_each_tab_goes_on_to_its_own_place(browser: Browser, careful: EndUser) -> None:
    one, other = (
        browser.type_password(careful, browser.open(LOGIN, next=f"/developers/?tab={tab}"))
        for tab in ("one", "other")
    )
    home = browser.submit(one, code=careful.app.code())
    assert str(home.url).endswith("/developers/?tab=one")
    assert str(browser.open(str(other.url)).url).endswith("/developers/?tab=other")


def test_a_tab_with_nowhere_to_go_is_not_led_astray(browser: Browser, careful: EndUser) -> None:
    one = browser.type_password(careful)
    browser.type_password(careful, browser.open(LOGIN, next="/developers/"))
    assert is_page(browser.submit(one, code=careful.app.code()), HOME)


def test_the_step_names_the_app_and_leads_on_to_it(browser: Browser, careful: EndUser) -> None:
    client = make_client(client_name="Bakery", first_party=True)
    relying_party = RelyingParty(client, browser, careful)
    page = browser.type_password(careful, relying_party.visit())
    assert "Bakery" in page.text
    page = browser.submit(page, code=careful.app.wrong_code())
    assert "Bakery" in page.text
    assert "form-action 'self'" in page.headers["Content-Security-Policy"].split("; ")
    assert relying_party.answer(browser.submit(page, code=careful.app.code())).code


def test_without_a_first_step_there_is_no_second(browser: Browser) -> None:
    page = browser.open(CODE_STEP, next="/developers/")
    assert is_page(page, LOGIN)
    assert page.url.params["next"] == "/developers/"


def test_it_follows_the_proof_of_an_address(browser: Browser, careful: EndUser) -> None:
    user_of(careful).emailaddress_set.update(verified=False)
    page = browser.type_password(careful, browser.open(LOGIN, next="/developers/"))
    page = browser.submit(page, code=mailed_code(careful.email), action="verify")
    assert is_page(page, CODE_STEP)
    assert is_page(browser.submit(page, code=careful.app.code()), "/developers/")


def test_signing_in_once_more_asks_for_both_and_keeps_the_session(
    browser: Browser, careful: EndUser
) -> None:
    browser.sign_in(careful)
    before = session_of(careful)
    page = browser.open(LOGIN, fresh="1", next="/developers/")
    page = browser.type_password(careful, page)
    assert is_page(page, CODE_STEP)
    assert session_of(careful).authenticated_at == before.authenticated_at
    assert is_page(browser.submit(page, code=careful.app.code()), "/developers/")
    after = session_of(careful)
    assert after.pk == before.pk
    assert after.authenticated_at > before.authenticated_at
    assert [record["method"] for record in after.methods] == ["password", "mfa"]


def test_another_user_takes_the_browser_over_only_with_both_steps(
    browser: Browser, user: EndUser, careful: EndUser
) -> None:
    browser.sign_in(user)
    page = browser.type_password(careful, browser.open(LOGIN, fresh="1"))
    assert user.email in browser.open(HOME).text
    assert careful.email in browser.submit(page, code=careful.app.code()).text
    assert session_of(user).ending == "another-user"
    assert [record["method"] for record in session_of(careful).methods] == ["password", "mfa"]
    cookie = next(cookie for cookie in browser.cookies.jar if cookie.name == "signet-session")
    assert cookie.expires is None  # "Stay signed in" was not ticked


def test_stay_signed_in_holds_through_the_second_step(browser: Browser, careful: EndUser) -> None:
    page = browser.open(LOGIN)
    form = {"login": careful.email, "password": careful.password, "remember": "on"}
    form["csrfmiddlewaretoken"] = browser.cookies["signet-csrf"]
    page = browser.settle(browser.post(LOGIN, data=form, headers={"Origin": ISSUER}))
    browser.submit(page, code=careful.app.code())
    cookie = next(cookie for cookie in browser.cookies.jar if cookie.name == "signet-session")
    assert cookie.expires is not None


# --- Recovery codes ---


def test_recovery_codes_are_shown_until_they_are_saved(browser: Browser, user: EndUser) -> None:
    browser.sign_in(user)
    assert len(recovery_codes_on(browser.set_up_app(user))) == 10
    page = browser.open(CODES, next="/developers/")
    assert recovery_codes_on(page) == user.recovery_codes, "a reload loses nothing"
    assert 'href="/developers/"' in page.text, "it can be done later"
    assert is_page(browser.submit(page, "saved-codes"), "/developers/")
    page = browser.open(CODES)
    assert recovery_codes_on(page) == []
    assert not any(code in page.text for code in user.recovery_codes)
    assert "10 of 10 codes are left" in page.text
    assert "Not saved yet" not in browser.open(OVERVIEW).text


def test_recovery_codes_as_a_file(browser: Browser, user: EndUser) -> None:
    browser.sign_in(user)
    browser.set_up_app(user)
    file = browser.get(DOWNLOAD)
    assert file.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert file.headers["Content-Disposition"] == 'attachment; filename="recovery-codes.txt"'
    assert file.headers["Cache-Control"] == "no-store"
    lines = file.text.splitlines()
    assert user.email in lines[0]
    assert lines[2:] == user.recovery_codes
    save_codes(browser)
    assert is_page(browser.open(DOWNLOAD), CODES)


def test_recovery_codes_are_read_only_by_a_recent_sign_in(browser: Browser, user: EndUser) -> None:
    browser.sign_in(user)
    browser.set_up_app(user)
    signed_in_an_hour_ago(user)
    for path in (CODES, DOWNLOAD):
        assert is_page(browser.open(path), LOGIN)


def test_new_recovery_codes_replace_the_old_ones(browser: Browser, careful: EndUser) -> None:
    browser.sign_in(careful)
    before = Authenticator.objects.get(user__email=careful.email, type="recovery_codes")
    page = browser.open(NEW_CODES)
    assert Authenticator.objects.filter(pk=before.pk).exists()
    page = browser.submit(page, "make-codes")
    assert is_page(page, CODES)
    new = recovery_codes_on(page)
    assert not set(new) & set(careful.recovery_codes)
    assert was_mailed(careful.email, "New recovery codes were made")
    event = Event.objects.filter(kind=Event.Kind.FACTOR_ADDED, user=user_of(careful)).latest("id")
    assert event.details["factor"] == "recovery_codes"
    assert event.reason
    with Browser() as elsewhere:
        page = elsewhere.type_password(careful)
        page = elsewhere.submit(page, code=careful.recovery_codes[0])
        assert is_page(page, CODE_STEP)
        assert is_page(elsewhere.submit(page, code=new[0]), HOME)


@pytest.mark.parametrize("path", [CODES, NEW_CODES])
def test_pages_that_need_an_app_lead_users_without_one_to_the_overview(
    browser: Browser, user: EndUser, path: str
) -> None:
    browser.sign_in(user)
    assert is_page(browser.open(path), OVERVIEW)


# --- Turning it off ---


def test_turning_off_removes_app_and_recovery_codes(browser: Browser, careful: EndUser) -> None:
    browser.sign_in(careful)
    page = browser.open(browser.removal_of_app())
    assert "your last second step" in page.text
    assert is_set_up(user_of(careful))
    page = browser.submit(page, "remove-app")
    assert is_page(page, APPS)
    assert "The authenticator app is removed." in page.text
    assert not Authenticator.objects.filter(user__email=careful.email).exists()
    assert was_mailed(careful.email, "authenticator app was removed")
    with Browser() as elsewhere:
        assert is_page(elsewhere.type_password(careful), HOME)


@pytest.mark.parametrize("path", [CODES, NEW_CODES, "remove", SET_UP])
def test_an_old_sign_in_is_renewed_first_with_both_steps(
    browser: Browser, careful: EndUser, path: str
) -> None:
    browser.sign_in(careful)
    path = browser.removal_of_app() if path == "remove" else path
    signed_in_an_hour_ago(careful)
    page = browser.open(path)
    assert is_page(page, LOGIN)
    page = browser.type_password(careful, page)
    assert is_page(page, CODE_STEP)
    assert is_page(browser.submit(page, code=careful.app.code()), path)


def test_setting_up_after_an_old_sign_in_keeps_the_secret_meanwhile(
    browser: Browser, user: EndUser
) -> None:
    browser.sign_in(user)
    page = browser.open(SET_UP, next="/developers/")
    app = AuthenticatorApp(otpauth_address(page))
    signed_in_an_hour_ago(user)
    code = app.code()
    page = browser.submit(page, code=code)
    assert is_page(page, LOGIN)
    kept = BrowserSession.objects.get(pk=browser.cookies["signet-session"]).get_decoded()
    assert code not in str(kept)
    page = browser.type_password(user, page)
    assert is_page(page, SET_UP)
    page = browser.submit(page, code=app.code())
    assert is_page(page, CODES)
    assert 'href="/developers/"' in page.text


def test_a_session_from_before_the_app_cannot_turn_it_off(browser: Browser, user: EndUser) -> None:
    browser.sign_in(user)
    with Browser() as elsewhere:
        elsewhere.sign_in(user)
        elsewhere.set_up_app(user)
    removal = browser.removal_of_app()
    page = browser.open(removal)
    assert is_page(page, STEP_UP), "the sign-in is recent, but has one factor"
    assert user.app
    assert is_page(browser.submit(page, code=user.app.code()), removal)


def test_signing_in_again_where_allauth_asks_for_it(browser: Browser, user: EndUser) -> None:
    browser.sign_in(user)
    page = browser.open("/account/login/again/", next="/developers/")
    assert is_page(page, LOGIN)
    assert is_page(browser.sign_in(user, page), "/developers/")


# --- Lost ---


def test_an_operator_removes_a_lost_factor(browser: Browser, careful: EndUser) -> None:
    browser.sign_in(careful)
    remove_all(user_of(careful))
    assert session_of(careful).ending == "second-factor-removed"
    assert is_page(browser.open(HOME), LOGIN)
    assert is_page(browser.type_password(careful), HOME)
    assert was_mailed(careful.email, "and the recovery codes")
    events = Event.objects.filter(kind=Event.Kind.FACTOR_REMOVED, user=user_of(careful))
    assert sorted(event.details["factor"] for event in events) == ["recovery_codes", "totp"]


def test_removing_what_is_not_there_only_signs_out(browser: Browser, user: EndUser) -> None:
    browser.sign_in(user)
    remove_all(user_of(user))
    assert session_of(user).ending == "second-factor-removed"
    assert not Event.objects.filter(kind=Event.Kind.FACTOR_REMOVED, user=user_of(user)).exists()


def test_a_key_that_is_gone_is_said_and_recovered_from(browser: Browser, careful: EndUser) -> None:
    for row in Authenticator.objects.filter(user__email=careful.email):
        row.data = {name: "gAAAAA" if name != "used_mask" else 0 for name in row.data}
        row.save()
    page = browser.submit(browser.type_password(careful), code=careful.app.code())
    assert is_page(page, CODE_STEP)
    assert "We cannot check codes for this account" in page.text


def test_an_older_key_still_opens_and_another_never(settings: Any) -> None:
    settings.IDP_SECRET_KEYS = ["old"]
    sealed = app_secrets.seal("secret")
    settings.IDP_SECRET_KEYS = ["new", "old"]
    assert app_secrets.unseal(sealed) == "secret"
    settings.IDP_SECRET_KEYS = ["new"]
    with pytest.raises(InvalidToken):
        app_secrets.unseal(sealed)


# --- What others ask ---


@pytest.mark.parametrize(
    ("methods", "amr", "both"),
    [
        ([], (), False),
        (["password"], ("pwd",), False),
        (["password", "mfa"], ("mfa", "otp", "pwd"), True),
        (["password_reset", "mfa"], ("mfa", "otp"), True),
        (["mfa"], ("otp",), False),
        (["mfa", "mfa"], ("otp",), False),
        (["password", "password_reset"], ("otp", "pwd"), False),
    ],
)
def test_two_different_factors_make_two(methods: list[str], amr: tuple[str], both: bool) -> None:
    records = [{"method": method, "at": 0.0} for method in methods]
    request = HttpRequest()
    request.signed_in_session = Session(methods=records)  # type: ignore[attr-defined]
    assert authentication_methods(records) == amr
    assert has_second_factor(request) is both


def test_nobody_has_none() -> None:
    request = HttpRequest()
    request.signed_in_session = None  # type: ignore[attr-defined]
    assert has_second_factor(request) is False
