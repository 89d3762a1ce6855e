"""Several end the same sessions at once: each session ends once, and its app is told once."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from django.db import connection
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
