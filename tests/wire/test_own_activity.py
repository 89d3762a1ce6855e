"""Users see their own activity: sign-ins, changes, and which app could see what, and when."""

import re
from datetime import timedelta
from html import unescape

import httpx
import pytest
from django.db.models import Max
from django.utils import timezone

from accounts import deletion
from accounts.models import User
from idp import housekeeping, policy
from idp.activity.entries import ENTRIES, Cursor, page_of
from idp.clients import deletion as clients
from idp.models import AccessToken, AuthorizationCode, Client, Event, Grant, Sharing
from idp.sharing import of
from tests.relying_party import Browser, EndUser, RelyingParty, make_client, make_user

PAGE = "/account/activity/"
DAY = timedelta(days=1)


def lines_on(page: httpx.Response) -> list[str]:
    """Return the entries of a page as text: the sentence and its facts."""
    rows = re.findall(r'<li class="row">(.*?)</li>', page.text, re.DOTALL)
    return [unescape(" ".join(re.sub("<[^>]+>", " ", row).split())) for row in rows]


def sentences_on(page: httpx.Response) -> list[str]:
    found = re.findall(r'<div class="words"><strong>(.*?)</strong>', page.text)
    return [re.sub("[\u2068\u2069]", "", unescape(sentence)) for sentence in found]


def row_of(user: EndUser) -> User:
    return User.objects.get(email=user.email)


def test_a_sign_in_names_app_device_and_method(browser: Browser, user: EndUser) -> None:
    browser.headers["User-Agent"] = "Mozilla/5.0 (X11; Linux x86_64) Firefox/133.0"
    client = make_client(client_name="Bakery")
    party = RelyingParty(client, browser, user)
    party.exchange(party.go_on(party.visit(scope="openid email")).code)
    page = browser.open(PAGE)
    assert sentences_on(page) == [
        "Shared with Bakery",
        "You allowed Bakery to see your data",
        "You signed in to Bakery",
    ]
    shared, consented, signed_in = lines_on(page)
    assert "Your email address" in shared
    assert "Your email address" in consented
    assert "with a password" in signed_in
    assert "Firefox on Linux" in signed_in
    assert browser.headers["X-Forwarded-For"] in signed_in
    assert "This wasn’t me" in signed_in
    assert "This wasn’t me" not in shared


def test_failed_attempts_of_a_day_are_one_entry(browser: Browser, user: EndUser) -> None:
    wrong = EndUser(user.email, "not the password", user.sub)
    with Browser() as stranger:
        for _ in range(3):
            stranger.type_password(wrong)
    browser.sign_in(user)
    page = browser.open(PAGE)
    assert sentences_on(page) == ["You signed in", "3 failed attempts to sign in"]
    assert page.text.count("This wasn’t me") == 1, "there is nothing to undo after a failure"


def test_changes_and_sign_outs_are_there(browser: Browser, user: EndUser) -> None:
    browser.sign_in(user)
    browser.set_up_app(user)
    with Browser() as other:
        other.headers["User-Agent"] = "Mozilla/5.0 (iPhone) Version/18.1 Mobile Safari/604.1"
        other.sign_in(user)
        other.submit(other.open("/account/logout/"))
    page = browser.open(PAGE)
    assert sentences_on(page) == [
        "You signed out",
        "You signed in",
        "New recovery codes were made",
        "An authenticator app was added",
        "You signed in",
    ]
    assert "Safari on iPhone" in lines_on(page)[0]
    assert "with a password and a code" in lines_on(page)[1]


def test_nothing_of_other_users_is_there(browser: Browser, user: EndUser) -> None:
    other = make_user()
    with Browser() as elsewhere:
        RelyingParty(make_client(client_name="Secret place"), elsewhere, other).tokens()
        reference = Event.objects.filter(user__email=other.email).latest("pk").reference
    browser.sign_in(user)
    assert sentences_on(browser.open(PAGE)) == ["You signed in"]
    last = Event.objects.aggregate(last=Max("pk"))["last"]
    assert "Secret place" not in browser.open(PAGE, before=f"{last + 1}-9999999999999999").text
    assert "You signed in" not in browser.open("/account/not-me/", about=reference).text


@pytest.mark.parametrize(
    "cursor", ["x", "1", "1-", "-1-1", "9" * 18 + "-" + "9" * 16, "9" * 40 + "-1", "٣-٣", "0-0"]
)
def test_an_odd_cursor_is_no_fault(browser: Browser, user: EndUser, cursor: str) -> None:
    browser.sign_in(user)
    assert browser.open(PAGE, before=cursor).status_code == 200


def test_pages_together_have_everything_once(user: EndUser) -> None:
    """Pages have all events and all that was shared, in order, however the times are mixed."""
    user_row, now = row_of(user), timezone.now()
    Event.objects.filter(user=user_row).delete()
    client = make_client().client_id
    for number in range(3 * ENTRIES):
        at = now - timedelta(minutes=10 * number)
        Event.objects.create(kind="signed-in", user=user_row, at=at)
    for event in Event.objects.filter(user=user_row).order_by("at"):  # ids in the order of times
        Event.objects.filter(pk=event.pk).delete()
        Event.objects.create(kind="signed-in", user=user_row, at=event.at)
    for number in range(ENTRIES):
        row = Sharing(user=user_row, client_id=f"{client}-{number}", day=now.date(), scope="openid")
        row.last_at, row.fingerprint = now - timedelta(minutes=17 * number + 1), str(number)
        row.save()
    seen, cursor, times = [], None, []
    while True:
        page = page_of(user_row, cursor, now)
        assert len(page.entries) <= ENTRIES
        seen += [entry.event.pk if entry.event else entry.shared for entry in page.entries]
        times += [entry.at for entry in page.entries]
        if page.older is None:
            break
        cursor = Cursor.parsed(str(page.older))
        assert cursor == page.older
    assert len(seen) == len(set(seen)) == 4 * ENTRIES
    assert times == sorted(times, reverse=True)


def test_what_is_older_than_90_days_is_not_shown(user: EndUser) -> None:
    user_row, now = row_of(user), timezone.now()
    Event.objects.filter(user=user_row).delete()
    for days in (1, 89, 91):
        Event.objects.create(kind="signed-in", user=user_row, at=now - days * DAY)
    page = page_of(user_row, None, now)
    assert [(now - entry.at).days for entry in reversed(page.entries)] == [1, 89]
    assert page.older is None


def test_the_sharing_history_outlives_grants_and_the_app(browser: Browser, user: EndUser) -> None:
    """The worker deletes a grant with its last token, and keeps what the app could see."""
    client = make_client(client_name="Bakery")
    app = RelyingParty(client, browser, user)
    for _ in range(2):
        app.tokens(scope="openid email", claims='{"userinfo": {"nickname": null}}')
    user_row, now = row_of(user), timezone.now()
    (before,) = of(user_row, now - DAY, now + DAY, 10)
    AuthorizationCode.objects.filter(user=user_row).delete()
    AccessToken.objects.filter(user=user_row).delete()
    grants = Grant.objects.filter(user=user_row)
    assert grants.count() == 2
    grants.update(created_at=now - 2 * DAY)
    list(housekeeping.walk(now))
    assert not grants.exists()
    (row,) = Sharing.objects.filter(user=user_row)
    assert (row.client_id, row.scope, row.claims) == (
        client.client_id,
        "email openid",
        ["nickname"],
    )
    assert (row.day, row.last_at) == ((now - 2 * DAY).date(), now - 2 * DAY)
    (after,) = of(user_row, now - 3 * DAY, now + DAY, 10)
    assert (after.scope, after.claims) == (before.scope, before.claims)
    clients.delete(Client.objects.get(client_id=client.client_id))
    assert f"Shared with {client.client_id}" in sentences_on(browser.open(PAGE))
    Sharing.objects.filter(pk=row.pk).update(day=(now - policy.EVENTS_KEPT_FOR - DAY).date())
    list(housekeeping.batches(now))
    assert not Sharing.objects.filter(pk=row.pk).exists()


def test_deleting_an_app_keeps_what_it_could_see(browser: Browser, user: EndUser) -> None:
    client = make_client()
    RelyingParty(client, browser, user).tokens(scope="openid email")
    clients.delete(Client.objects.get(client_id=client.client_id))
    (shared,) = of(row_of(user), timezone.now() - DAY, timezone.now(), 10)
    assert (shared.client_id, shared.scope) == (client.client_id, "email openid")


def test_deleting_the_account_deletes_its_history(user: EndUser) -> None:
    user_row = row_of(user)
    Sharing.objects.create(
        user=user_row, client_id="x", day=timezone.now().date(), last_at=timezone.now()
    )
    User.objects.filter(pk=user_row.pk).update(is_active=False, deletion_due_at=timezone.now())
    assert deletion.delete(User.objects.get(pk=user_row.pk))
    assert not Sharing.objects.filter(user_id=user_row.pk).exists()
