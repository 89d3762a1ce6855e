"""Secrets come and go beside each other, and tell when they were last used."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.db import OperationalError, connection
from django.utils import timezone

from idp.clients import secrets
from idp.clients.secrets import TooManySecretsError
from idp.models import Client, ClientSecret
from tests.relying_party import make_client

HOUR = timedelta(hours=1)


@pytest.fixture
def client(database: None) -> Client:
    """A client with one secret."""
    return Client.objects.get(client_id=make_client().client_id)


@pytest.fixture
def row(client: Client) -> ClientSecret:
    return client.secrets.get()


def a_secret() -> str:
    return secrets.generate()


def version_of(client: Client) -> int:
    return Client.objects.values_list("version", flat=True).get(pk=client.pk)


def test_two_are_valid_at_once(client: Client) -> None:
    both = [a_secret(), a_secret()]
    client.secrets.all().delete()
    rows = [secrets.add(client, secret) for secret in both]
    now = timezone.now()
    assert [secrets.find(client, secret, now) for secret in both] == rows
    assert secrets.find(client, a_secret(), now) is None


def test_three_are_not(client: Client) -> None:
    secrets.add(client, a_secret())
    version = version_of(client)
    with pytest.raises(TooManySecretsError, match="2"):
        secrets.add(client, a_secret(), others_end_at=timezone.now() + HOUR)
    assert client.secrets.filter(expires_at=None).count() == 2
    assert version_of(client) == version


def test_the_older_one_ends_when_it_is_said_to(client: Client, row: ClientSecret) -> None:
    end = timezone.now() + HOUR
    new = secrets.add(client, a_secret(), others_end_at=end)
    row.refresh_from_db()
    assert (row.expires_at, new.expires_at) == (end, None)


def test_what_ends_earlier_still_does(client: Client, row: ClientSecret) -> None:
    end = timezone.now() + HOUR
    client.secrets.update(expires_at=end)
    secrets.add(client, a_secret(), others_end_at=end + HOUR)
    row.refresh_from_db()
    assert row.expires_at == end


def test_what_has_expired_takes_no_place(client: Client) -> None:
    second = a_secret()
    secrets.add(client, second)
    third = secrets.add(client, a_secret(), others_end_at=timezone.now())
    secrets.add(client, a_secret())
    assert not secrets.is_valid_now(client, second)
    assert client.secrets.filter(expires_at=None).first() == third


def test_an_expired_secret_proves_nothing(client: Client) -> None:
    secret, end = a_secret(), timezone.now() + HOUR
    old = secrets.add(client, secret)
    client.secrets.filter(pk=old.pk).update(expires_at=end)
    assert secrets.find(client, secret, end - HOUR) == old
    assert secrets.find(client, secret, end) is None


def test_a_removed_secret_proves_nothing(client: Client) -> None:
    secret = a_secret()
    secrets.remove(secrets.add(client, secret))
    assert not secrets.is_valid_now(client, secret)


def test_every_change_is_one_of_the_client(client: Client, row: ClientSecret) -> None:
    before = version_of(client)
    secrets.add(client, a_secret())
    assert client.version == version_of(client) == before + 1
    secrets.remove(row)
    assert version_of(client) == before + 2


def test_an_older_copy_of_the_client_undoes_nothing(client: Client) -> None:
    present = Client.objects.get(pk=client.pk)
    present.name = "Renamed meanwhile"
    present.save()
    secrets.add(client, a_secret())
    present.refresh_from_db()
    assert present.name == "Renamed meanwhile"


def stored(row: ClientSecret) -> datetime | None:
    return ClientSecret.objects.values_list("last_used_at", flat=True).get(pk=row.pk)


def test_use_is_noted_once_an_hour(row: ClientSecret) -> None:
    version, now = version_of(row.client), timezone.now()
    noted = []
    for minutes in (0, 1, 59, 60, 61):
        secrets.note_use(row, now + timedelta(minutes=minutes))
        noted.append(stored(row))
    assert noted == [now, now, now, now + HOUR, now + HOUR]
    assert version_of(row.client) == version


def test_a_process_that_remembers_an_older_use_changes_nothing(row: ClientSecret) -> None:
    now = timezone.now()
    elsewhere = ClientSecret.objects.get(pk=row.pk)
    secrets.note_use(elsewhere, now)
    secrets.note_use(row, now + timedelta(minutes=1))
    assert stored(row) == now


def test_a_use_that_cannot_be_noted_is_no_problem_and_not_tried_again(row: ClientSecret) -> None:
    tried = []

    def away(_execute: Callable, sql: str, *_: Any) -> Any:
        tried.append(sql)
        raise OperationalError("the disk is full")

    now = timezone.now()
    with connection.execute_wrapper(away):
        secrets.note_use(row, now)
        secrets.note_use(row, now + timedelta(minutes=1))
    assert len(tried) == 1
    assert stored(row) is None
    secrets.note_use(row, now + HOUR)
    assert stored(row) == now + HOUR


def test_the_use_of_a_removed_secret_brings_nothing_back(row: ClientSecret) -> None:
    stale = ClientSecret.objects.get(pk=row.pk)
    secrets.remove(row)
    secrets.note_use(stale, timezone.now())
    assert not ClientSecret.objects.filter(pk=stale.pk).exists()


def test_the_secret_that_was_used_last_signs() -> None:
    made = make_client(id_token_signed_response_alg="HS256")
    client = Client.objects.get(client_id=made.client_id)
    now = timezone.now()
    old, new = (made.secret or "").encode(), a_secret().encode()
    secrets.note_use(client.secrets.get(), now - HOUR)
    added = secrets.add(client, new.decode(), others_end_at=now + HOUR)
    assert secrets.hmac_keys(client, now) == [old, new]
    secrets.note_use(added, now)
    assert secrets.hmac_keys(client, now) == [new, old]
    assert secrets.hmac_keys(client, now + 2 * HOUR) == [new]


def test_what_was_kept_as_a_hash_cannot_sign(client: Client) -> None:
    assert secrets.can_sign(client)
    client.id_token_signed_response_alg = "HS512"
    client.save()
    assert not secrets.can_sign(client)
    secrets.add(client, "s" * 40)
    assert not secrets.can_sign(client)
    client.id_token_encrypted_response_alg = "A128KW"
    client.id_token_signed_response_alg = "RS256"
    assert secrets.can_sign(client)
