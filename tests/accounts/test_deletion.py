"""A user deletes their account: it ends at once, can be kept for two weeks, and then is gone."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import httpx
import pytest
from allauth.mfa.totp.internal import auth
from django.core.management import call_command
from django.utils import timezone
from django.utils.formats import date_format

from accounts import deletion
from accounts.models import Session, User
from foundation.models import Mail
from idp.declaration import apply
from idp.models import Client, Consent, Event, RefreshToken
from tests.passkeys import make_user_with_passkey
from tests.relying_party import (
    Browser,
    EndUser,
    RelyingParty,
    is_page,
    mailed_code,
    make_client,
    make_user,
    spec,
    unique,
    verified,
)

DELETE, KEEP = "/account/delete/", "/account/login/keep/"
NEW = "three wise boats at anchor"


@pytest.fixture
def user_row(user: EndUser) -> User:
    return User.objects.get(email=user.email)


@pytest.fixture
def app(browser: Browser, user: EndUser) -> RelyingParty:
    """An app that holds what outlives sessions."""
    client = make_client(
        client_name=unique("app"),
        grant_types=["authorization_code", "refresh_token"],
        scope="openid email offline_access",
    )
    return RelyingParty(client, browser, user)


def delete_account(browser: Browser) -> httpx.Response:
    page = browser.open(DELETE)
    due = date_format(timezone.now() + timedelta(days=14), "DATE_FORMAT")
    assert f"Until {due}" in page.text
    page = browser.submit(page, "delete-account")
    assert is_page(page, "/account/signed-out/")
    assert f"Your account will be deleted on {due}" in page.text
    return page


def is_due(user_row: User) -> None:
    User.objects.filter(pk=user_row.pk).update(deletion_due_at=timezone.now())


@spec("ASVS", "7.4.2")
def test_everything_ends_at_once(app: RelyingParty, browser: Browser, user_row: User) -> None:
    tokens = app.tokens(scope="openid email offline_access", prompt="consent")
    with Browser() as elsewhere:
        elsewhere.sign_in(app.user)
        page = delete_account(browser)
        assert app.client.metadata["client_name"] in page.text
        assert is_page(elsewhere.open("/account/"), "/account/login/")
    assert set(user_row.sessions.values_list("ending", flat=True)) == {"deletion-asked"}
    assert app.userinfo(tokens["access_token"]).status_code == 401
    assert app.introspect(tokens["access_token"]) == {"active": False}
    assert app.refresh(tokens["refresh_token"]).json()["error"] == "invalid_grant"
    assert Event.objects.filter(user=user_row, kind="deletion-asked").count() == 1


def test_signing_in_offers_to_keep_it_and_goes_on_to_the_app(
    app: RelyingParty, browser: Browser, user_row: User
) -> None:
    tokens = app.tokens(scope="openid email offline_access", prompt="consent")
    consents = Consent.objects.filter(user=user_row).count()
    delete_account(browser)
    page = browser.sign_in(app.user, app.visit())
    assert is_page(page, KEEP)
    assert app.client.metadata["client_name"] in page.text
    assert not Session.objects.filter(user=user_row, ended_at=None).exists()
    answer = app.answer(browser.submit(page, "keep"))
    assert verified(app.exchange(answer.code).json()["id_token"])["sub"] == app.user.sub
    user_row.refresh_from_db()
    assert (user_row.is_active, user_row.deletion_due_at) == (True, None)
    assert Consent.objects.filter(user=user_row).count() == consents
    assert app.refresh(tokens["refresh_token"]).json()["error"] == "invalid_grant"
    assert app.userinfo(tokens["access_token"]).status_code == 401
    assert Event.objects.filter(user=user_row, kind="deletion-undone").count() == 1


def test_leaving_it_so_keeps_what_the_user_was_on_their_way_to(
    app: RelyingParty, browser: Browser, user_row: User
) -> None:
    browser.sign_in(app.user)
    delete_account(browser)
    page = browser.submit(browser.sign_in(app.user, app.visit()), "leave")
    assert is_page(page, "/account/login/")
    assert "It stays so" in page.text
    assert app.client.metadata["client_name"] in page.text
    user_row.refresh_from_db()
    assert user_row.can_be_kept
    assert is_page(browser.open(KEEP), "/account/login/")
    other = make_user()
    assert app.answer(browser.submit(browser.sign_in(other, page), "allow")).code


@spec("ASVS", "6.3.3")
def test_a_second_factor_comes_before_the_offer(
    browser: Browser, user: EndUser, user_row: User
) -> None:
    browser.sign_in(user)
    delete_account(browser)
    secret = auth.generate_totp_secret()
    auth.TOTP.activate(user_row, secret)
    page = browser.sign_in(user)
    assert is_page(page, "/account/login/code/")
    assert is_page(browser.open(KEEP), "/account/login/")
    _, counter, _ = auth.yield_hotp_counters_from_time()
    code = auth.format_hotp_value(auth.hotp_value(secret, counter))
    page = browser.submit(page, code=code)
    assert is_page(page, KEEP)
    assert is_page(browser.submit(page, "keep"), "/account/")


def test_a_passkey_alone_leads_to_the_offer_too(browser: Browser) -> None:
    user = make_user_with_passkey()
    user.sign_in(browser)
    delete_account(browser)
    page = user.sign_in(browser)
    assert is_page(page, KEEP)
    assert is_page(browser.submit(page, "keep"), "/account/")


def test_a_forgotten_password_is_no_obstacle(browser: Browser, user: EndUser) -> None:
    browser.sign_in(user)
    delete_account(browser)
    page = browser.submit(browser.open("/account/password/reset/"), email=user.email)
    page = browser.submit(page, code=mailed_code(user.email))
    page = browser.submit(page, password1=NEW)
    assert is_page(page, KEEP)
    assert is_page(browser.submit(page, "keep"), "/account/")


def test_an_offer_is_over_when_the_password_changed(
    browser: Browser, user: EndUser, user_row: User
) -> None:
    browser.sign_in(user)
    delete_account(browser)
    page = browser.sign_in(user)
    user_row.set_password(NEW)
    user_row.save(update_fields=["password"])
    assert is_page(browser.submit(page, "keep"), "/account/login/")
    user_row.refresh_from_db()
    assert user_row.can_be_kept


def test_when_it_is_due_the_account_is_gone_with_all_that_was_its(
    app: RelyingParty, browser: Browser, user_row: User
) -> None:
    app.tokens(scope="openid email offline_access", prompt="consent")
    own = make_client()
    Client.objects.filter(client_id=own.client_id).update(user=user_row)
    delete_account(browser)
    call_command("worker", "--once")
    assert User.objects.filter(pk=user_row.pk).exists()
    page = browser.sign_in(app.user)
    is_due(user_row)
    assert is_page(browser.submit(page, "keep"), "/account/login/")
    assert is_page(browser.sign_in(app.user), "/account/inactive/")
    failed = {"state": Mail.State.FAILED, "done_at": timezone.now()}
    mail = Mail.objects.create(recipient=app.user.email, template="failed", sealed="", **failed)
    call_command("worker", "--once")
    assert not Mail.objects.filter(pk=mail.pk).exists()
    assert not User.objects.filter(sub=app.user.sub).exists()
    for model in (Session, Consent, RefreshToken):
        assert not model.objects.filter(user_id=user_row.pk).exists()
    assert Client.objects.get(client_id=own.client_id).user is None
    assert Event.objects.filter(kind="deleted", target=f"user {app.user.sub}").count() == 1
    assert not Event.objects.filter(user_id=user_row.pk).exists()
    assert "don’t match" in browser.sign_in(app.user).text


def test_of_two_superusers_at_once_one_stays(provider: object) -> None:
    operators = [make_user(is_staff=True, is_superuser=True) for _ in range(2)]
    emails = [operator.email for operator in operators]
    others = User.objects.filter(is_superuser=True).exclude(email__in=emails)
    pks = list(others.values_list("pk", flat=True))
    browsers = [Browser(), Browser()]
    pages = []
    for browser, operator in zip(browsers, operators, strict=True):
        browser.sign_in(operator)
        pages.append(browser.open(DELETE))
    others.update(is_superuser=False)
    try:
        with ThreadPoolExecutor(2) as threads:
            pressed = list(threads.map(press, browsers, pages))
        stays = [browser for browser in browsers if is_page(browser.open("/account/"), "/account/")]
        assert len(stays) == 1
        assert "You are the only one who can administer" in stays[0].open(DELETE).text
    finally:
        User.objects.filter(pk__in=pks).update(is_superuser=True)
    assert sum(is_page(page, DELETE) for page in pressed) == 1
    assert User.objects.filter(email__in=emails, is_active=True).count() == 1


def press(browser: Browser, page: httpx.Response) -> httpx.Response:
    return browser.submit(page, "delete-account")


@spec("ASVS", "7.5.1")
def test_it_takes_a_recent_sign_in_and_a_press_of_the_button(
    browser: Browser, user: EndUser, user_row: User
) -> None:
    browser.sign_in(user)
    page = browser.open(DELETE)
    Session.objects.filter(user=user_row).update(
        authenticated_at=timezone.now() - timedelta(hours=1)
    )
    asked = browser.submit(page, "delete-account")
    assert is_page(asked, "/account/login/")
    assert asked.url.params["next"] == DELETE
    assert is_page(browser.sign_in(user, asked), DELETE)
    browser.post(DELETE, headers={"Origin": "https://evil.example"})
    user_row.refresh_from_db()
    assert user_row.deletion_due_at is None


def test_no_other_way_in_or_back(browser: Browser, user: EndUser, user_row: User) -> None:
    browser.sign_in(user)
    delete_account(browser)
    apply({"users": [{"email": user.email, "is_active": True}]}, dry_run=False)
    user_row.refresh_from_db()
    assert not user_row.is_active
    with Browser() as stranger:
        page = stranger.sign_in(EndUser(user.email, "wrong", ""))
        assert "don’t match" in page.text
        assert is_page(stranger.open(KEEP), "/account/login/")


def test_an_operator_keeps_or_deletes_it(browser: Browser, user: EndUser, user_row: User) -> None:
    operator = make_user(is_staff=True, is_superuser=True)
    with Browser() as theirs:
        theirs.sign_in(user)
        delete_account(theirs)
    browser.sign_in(operator)
    page = f"/admin/accounts/user/{user_row.pk}"
    assert "to be deleted on" in browser.open(f"{page}/change/").text
    browser.submit(browser.open(f"{page}/action/keep/"), "confirm")
    user_row.refresh_from_db()
    assert user_row.is_active
    with Browser() as theirs:
        theirs.sign_in(user)
        delete_account(theirs)
    deletion_page = browser.open(f"{page}/action/delete/")
    assert is_page(browser.submit(deletion_page, "confirm"), "/admin/accounts/user/")
    assert not User.objects.filter(pk=user_row.pk).exists()
    actions = Event.objects.filter(target=f"user {user.email}", kind="admin-action")
    assert list(actions.order_by("pk").values_list("reason", flat=True)) == [
        "Keep the account",
        "Delete now",
    ]
    assert not deletion.keep(user_row)
