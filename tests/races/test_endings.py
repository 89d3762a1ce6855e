"""Several end the same sessions at once: each session ends once, and its app is told once."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Barrier

import pytest
from django.db import Error, connection
from django.utils import timezone

from accounts.models import Session, User
from accounts.sessions import Ending, end_sessions
from idp.models import Client, ClientSession, Delivery, Event
from tests.relying_party import make_client, make_user

AT_ONCE = 4


def test_ending_the_same_sessions_together() -> None:
    registered = make_client(backchannel_logout_uri="https://rp.example.com/told")
    client = Client.objects.get(client_id=registered.client_id)
    user = User.objects.get(email=make_user().email)
    now = timezone.now()
    sessions = [
        Session.objects.create(user=user, authenticated_at=now, last_seen_at=now) for _ in range(20)
    ]
    ClientSession.objects.bulk_create(ClientSession(client=client, session=it) for it in sessions)
    together = Barrier(AT_ONCE)

    def end(number: int) -> None:
        together.wait()
        try:
            end_sessions(sessions if number % 2 else sessions[::-1], Ending.OPERATOR)
        finally:
            connection.close()

    with ThreadPoolExecutor(AT_ONCE) as threads:
        list(threads.map(end, range(AT_ONCE)))
    assert not user.sessions.filter(ended_at=None).exists()
    assert Delivery.objects.filter(client=client).count() == len(sessions)
    assert Event.objects.filter(user=user, kind="session-ended").count() == len(sessions)


def test_a_session_goes_on_whose_end_could_not_be_recorded() -> None:
    """Its event's INSERT loses the transaction: it must not seem to have been committed."""
    user, now = User.objects.get(email=make_user().email), timezone.now()
    session = Session.objects.create(user=user, authenticated_at=now, last_seen_at=now)
    with lost_at_events_of(user), pytest.raises(Error):
        end_sessions([session], Ending.OPERATOR)
    session.refresh_from_db()
    assert session.ended_at is None
    end_sessions([session], Ending.OPERATOR)
    session.refresh_from_db()
    assert session.ended_at is not None


@contextmanager
def lost_at_events_of(user: User) -> Iterator[None]:
    """Lose each transaction that inserts an event of a user: the connection, or all it did."""
    begin, end = _LOSES[connection.vendor]
    with connection.cursor() as cursor:
        cursor.execute(begin.format(user.pk))
    try:
        yield
    finally:
        connection.close()
        with connection.cursor() as cursor:
            cursor.execute(end)


_LOSES = {
    "postgresql": (
        (
            "CREATE FUNCTION lose() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN "
            "PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NEW; END $$; "
            "CREATE TRIGGER lose BEFORE INSERT ON idp_event FOR EACH ROW WHEN (NEW.user_id = {}) "
            "EXECUTE FUNCTION lose()"
        ),
        "DROP TRIGGER lose ON idp_event; DROP FUNCTION lose()",
    ),
    "sqlite": (
        (
            "CREATE TRIGGER lose BEFORE INSERT ON idp_event WHEN NEW.user_id = {} "
            "BEGIN SELECT RAISE(ROLLBACK, 'the disk is full'); END"
        ),
        "DROP TRIGGER lose",
    ),
}
