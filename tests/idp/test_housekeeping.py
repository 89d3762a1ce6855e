"""What the worker deletes: exactly what is over, in batches, the second time nothing."""

import threading
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.contrib.sessions.models import Session as BrowserSession
from django.db import connection
from django.db.models import Model
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import EmailChange, Session, User
from foundation.models import Mail
from idp import housekeeping, policy
from idp.management.commands.worker import Command as Worker
from idp.models import (
    AccessToken,
    AuthorizationCode,
    BackchannelAuthentication,
    BackchannelNotification,
    Client,
    Consent,
    Event,
    Grant,
    Interaction,
    RefreshToken,
)
from tests.relying_party import make_client, make_user, unique

NOW = timezone.now()
SECOND = timedelta(seconds=1)
DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def user_row() -> User:
    return User.objects.get(sub=make_user().sub)


@pytest.fixture(scope="module")
def client() -> Client:
    return Client.objects.get(client_id=make_client().client_id)


def session(user_row: User, **columns: Any) -> Session:
    return Session.objects.create(user=user_row, authenticated_at=NOW, last_seen_at=NOW, **columns)


def make_grant(user_row: User, client: Client, **columns: Any) -> Grant:
    columns.setdefault("session", session(user_row))
    created_at = columns.pop("created_at", NOW)
    row = Grant.objects.create(
        user=user_row, client=client, scope="openid", auth_time=NOW, acr="x", **columns
    )
    Grant.objects.filter(pk=row.pk).update(created_at=created_at)
    return row


def code(grant: Grant, expires: datetime) -> AuthorizationCode:
    return AuthorizationCode.objects.create(
        grant=grant,
        user=grant.user,
        application=grant.client,
        code=unique("code"),
        expires=expires,
        redirect_uri="https://rp.example.com/",
        scope="openid",
    )


def token(model: Any, grant: Grant, expires: datetime, **columns: Any) -> Any:
    return model.objects.create(
        grant=grant,
        user=grant.user,
        application=grant.client,
        token="",
        token_checksum=unique("token"),
        expires=expires,
        **columns,
    )


def request(client: Client, arrived_at: datetime) -> Interaction:
    return Interaction.objects.create(client=client, parameters={}, arrived_at=arrived_at)


def is_there(row: Model) -> bool:
    return type(row)._default_manager.filter(pk=row.pk).exists()


def survivors(*rows: Model) -> list[bool]:
    housekeeping.tidy(NOW)
    return [is_there(row) for row in rows]


def test_requests_nobody_finished(client: Client) -> None:
    over = NOW - policy.INTERACTION_LIFETIME - policy.REMEMBERED_FOR
    rows = [request(client, over), request(client, over + SECOND)]
    assert survivors(*rows) == [False, True]


def test_codes_are_remembered_for_a_day(user_row: User, client: Client) -> None:
    of = make_grant(user_row, client)
    assert survivors(code(of, NOW - DAY), code(of, NOW - DAY + SECOND)) == [False, True]


def test_requests_to_users_are_remembered_for_a_day(user_row: User, client: Client) -> None:
    of = make_grant(user_row, client, created_at=NOW - 2 * DAY)
    rows = [
        BackchannelAuthentication.objects.create(
            client=client, id_hash=unique("id"), expires=expires, interval=5, grant=of
        )
        for expires in (NOW - DAY, NOW - DAY + SECOND)
    ]
    told = BackchannelNotification.objects.create(authentication=rows[0], receiver="client")
    assert survivors(*rows, told, of) == [False, True, False, True]


def test_access_tokens_go_when_they_expire(user_row: User, client: Client) -> None:
    of = make_grant(user_row, client)
    rows = [token(AccessToken, of, NOW), token(AccessToken, of, NOW + SECOND)]
    assert survivors(*rows) == [False, True]


def test_refresh_tokens_are_remembered_for_a_day(user_row: User, client: Client) -> None:
    of = make_grant(user_row, client)
    rows = [token(RefreshToken, of, NOW - DAY), token(RefreshToken, of, NOW - DAY + SECOND)]
    assert survivors(*rows) == [False, True]


def test_a_used_refresh_token_stays_so_that_its_reuse_is_seen(
    user_row: User, client: Client
) -> None:
    of = make_grant(user_row, client)
    used = token(RefreshToken, of, NOW + 20 * DAY, revoked=NOW - 9 * DAY)
    assert survivors(used) == [True]


def test_deleting_a_used_token_leaves_its_successor(user_row: User, client: Client) -> None:
    of = make_grant(user_row, client, created_at=NOW - 40 * DAY)
    old = token(RefreshToken, of, NOW - DAY, revoked=NOW - 9 * DAY)
    new = token(RefreshToken, of, NOW + DAY, predecessor=old)
    assert survivors(old, new, of) == [False, True, True]


def test_a_grant_goes_with_the_last_of_it(user_row: User, client: Client) -> None:
    old = {"created_at": NOW - DAY}
    empty, young = (
        make_grant(user_row, client, **old),
        make_grant(user_row, client, created_at=NOW - DAY + SECOND),
    )
    kept = [make_grant(user_row, client, **old) for _ in range(3)]
    code(kept[0], NOW)
    token(AccessToken, kept[1], NOW + SECOND)
    token(RefreshToken, kept[2], NOW)
    over = make_grant(user_row, client, created_at=NOW - 3 * DAY)
    code(over, NOW - 2 * DAY)
    assert survivors(empty, young, *kept, over) == [False, True, True, True, True, False]


def test_ended_sessions_are_a_record_for_a_while(user_row: User) -> None:
    limit = NOW - policy.SESSIONS_KEPT_FOR
    rows = [session(user_row, ended_at=at) for at in (limit, limit + SECOND, None)]
    assert survivors(*rows) == [False, True, True]


def test_offline_access_outlives_the_record_of_its_session(user_row: User, client: Client) -> None:
    """With the session its rows would go: the tokens, and the sid that ID tokens repeat."""
    ended = session(user_row, ended_at=NOW - policy.SESSIONS_KEPT_FOR)
    of = make_grant(user_row, client, session=ended, offline=True, created_at=NOW - 100 * DAY)
    live = token(RefreshToken, of, NOW + DAY)
    assert survivors(ended, of, live) == [True, True, True]


def test_changes_of_address_are_kept_until_nothing_undoes_them(user_row: User) -> None:
    limit = NOW - timedelta(days=7, minutes=10)
    rows = [
        EmailChange.objects.create(user=user_row, old_email="a@b.c", new_email="d@e.f", asked_at=at)
        for at in (limit, limit + SECOND)
    ]
    assert survivors(*rows) == [False, True]


def test_email_that_was_given_up_can_be_tried_again_for_a_week() -> None:
    failed = {"state": Mail.State.FAILED, "recipient": "a@b.c"}
    rows = [
        Mail.objects.create(done_at=at, **failed)
        for at in (NOW - timedelta(days=7), NOW - timedelta(days=7) + SECOND)
    ]
    waiting = Mail.objects.create(recipient="a@b.c", due_at=NOW + timedelta(days=1))
    assert survivors(*rows, waiting) == [False, True, True]
    Mail.objects.filter(pk__in=[row.pk for row in (*rows, waiting)]).delete()


def test_browser_sessions() -> None:
    rows = [
        BrowserSession.objects.create(session_key=unique("s"), session_data="", expire_date=at)
        for at in (NOW, NOW + SECOND)
    ]
    assert survivors(*rows) == [False, True]


def self_registered(age: timedelta = 40 * DAY, **columns: Any) -> Client:
    """A client that registered itself, without an initial access token unless it says so."""
    row = Client.objects.create(
        **{
            "registration_source": Client.RegistrationSource.DCR,
            "grant_types": ["authorization_code"],
            **columns,
        }
    )
    Client.objects.filter(pk=row.pk).update(created=NOW - age)
    return row


def test_apps_that_registered_themselves_and_were_never_used(user_row: User) -> None:
    kept_for = policy.UNUSED_CLIENTS_KEPT_FOR
    assert survivors(self_registered(kept_for), self_registered(kept_for - SECOND)) == [False, True]
    by_document = self_registered(registration_source=Client.RegistrationSource.CIMD)
    assert survivors(by_document) == [False]


def test_apps_that_were_vouched_for_stay() -> None:
    by_token = self_registered(registered_with={"initial_access_token": "bakers"})
    by_operator = self_registered(registration_source=Client.RegistrationSource.MANUAL)
    assert survivors(by_token, by_operator) == [True, True]


def test_apps_that_were_used_stay(user_row: User) -> None:
    agreed, authorized, tokened, once = (self_registered() for _ in range(4))
    Consent.objects.create(user=user_row, client=agreed, scopes=["openid"])
    make_grant(user_row, authorized)
    AccessToken.objects.create(
        application=tokened, token="", token_checksum=unique("token"), expires=NOW + DAY
    )
    # Its users have taken back their consent since, or left.
    Event.objects.create(kind=Event.Kind.CONSENTED, client_id=once.client_id)
    assert survivors(agreed, authorized, tokened, once) == [True] * 4


def test_apps_that_sign_in_by_themselves_stay() -> None:
    """Their tokens are gone an hour later: nothing tells whether they are used."""
    grants = ["authorization_code", "refresh_token", "client_credentials"]
    rows = [self_registered(grant_types=grants), self_registered(grant_types=grants[2:])]
    assert survivors(*rows) == [True, True]


def test_the_second_time_nothing_is_left_to_do(client: Client) -> None:
    request(client, NOW - 2 * DAY)
    assert housekeeping.tidy(NOW)["interactions"] >= 1
    assert set(housekeeping.tidy(NOW).values()) == {0}


def test_batches_are_small(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    housekeeping.tidy(NOW)
    monkeypatch.setattr(housekeeping, "BATCH", 2)
    rows = [request(client, NOW - 2 * DAY) for _ in range(5)]
    with CaptureQueriesContext(connection) as statements:
        assert housekeeping.tidy(NOW)["interactions"] == 5
    deletions = [
        query["sql"]
        for query in statements.captured_queries
        if query["sql"].startswith('DELETE FROM "idp_interaction"')
    ]
    assert len(deletions) == 3
    assert not any(is_there(row) for row in rows)


def test_what_nothing_points_to_is_found_among_what_stays(
    user_row: User, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many living ones come before: each row is looked at once."""
    housekeeping.tidy(NOW)
    monkeypatch.setattr(housekeeping, "WINDOW", 3)
    rows = [make_grant(user_row, client, created_at=NOW - DAY) for _ in range(13)]
    over = rows[::4]
    for row in set(rows) - set(over):
        token(RefreshToken, row, NOW + DAY)
    windows = Grant.objects.count() // 3 + 1
    with CaptureQueriesContext(connection) as statements:
        assert housekeeping.tidy(NOW)["grants"] == len(over)
    assert [is_there(row) for row in rows] == [row not in over for row in rows]
    looks = [
        query["sql"]
        for query in statements.captured_queries
        if query["sql"].startswith('SELECT "idp_grant"') and "NOT EXISTS" in query["sql"]
    ]
    assert len(looks) == windows


def test_a_worker_that_is_asked_to_stop_begins_no_other_batch(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    housekeeping.tidy(NOW)
    monkeypatch.setattr(housekeeping, "BATCH", 1)
    rows = [request(client, NOW - 2 * DAY) for _ in range(3)]
    asked = threading.Event()
    asked.set()
    Worker()._tidy(housekeeping.batches(NOW), asked)
    assert sum(map(is_there, rows)) == 2
    Worker()._tidy(housekeeping.batches(NOW), threading.Event())
    assert not any(map(is_there, rows))


def test_sessions_expire_while_there_is_much_to_delete(user_row: User, client: Client) -> None:
    """A worker with much to delete still sees each minute what has expired."""
    over = session(user_row, until_closed=True)
    Session.objects.filter(pk=over.pk).update(last_seen_at=NOW - 2 * DAY)
    Worker()._tidy(iter([("codes", 1)]), threading.Event())
    over.refresh_from_db()
    assert over.ended_at is not None
