"""Several operators at once: never more secrets than may be, and no change that goes unseen."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connection
from django.utils import timezone

from idp.clients import secrets
from idp.clients.secrets import TooManySecretsError
from idp.models import Client
from tests.relying_party import make_client

AT_ONCE = 6


@pytest.fixture
def client(database: None) -> Client:
    """A client with one secret."""
    return Client.objects.get(client_id=make_client().client_id)


def together(act: Callable[[], object]) -> list[object]:
    """Do it in several threads at once, each with a connection of its own; return what came."""
    barrier = Barrier(AT_ONCE)

    def one(_: int) -> object:
        barrier.wait()
        try:
            return act()
        except TooManySecretsError:
            return None
        finally:
            connection.close()

    with ThreadPoolExecutor(AT_ONCE) as threads:
        return list(threads.map(one, range(AT_ONCE)))


def add(client: Client) -> object:
    return secrets.add(Client.objects.get(pk=client.pk), secrets.generate())


def test_of_many_added_at_once_one_is(client: Client) -> None:
    version = client.version
    added = [row for row in together(lambda: add(client)) if row is not None]
    assert len(added) == 1
    assert client.secrets.count() == secrets.MOST_AT_ONCE
    client.refresh_from_db()
    assert client.version == version + 1


def test_each_change_is_counted(client: Client) -> None:
    """All of them end the others at once, so all of them go through, one after the other."""
    version = client.version

    def replace() -> object:
        fresh = Client.objects.get(pk=client.pk)
        return secrets.add(fresh, secrets.generate(), others_end_at=timezone.now())

    assert None not in together(replace)
    assert client.secrets.filter(expires_at=None).count() == 1
    client.refresh_from_db()
    assert client.version == version + AT_ONCE
