"""Deleting a client: everything of it, in as many statements whatever it has."""

from datetime import timedelta

import pytest
from django.db import connection
from django.db.models import Model
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Session, User
from idp.clients import deletion
from idp.models import (
    AccessToken,
    AuthorizationCode,
    BackchannelAuthentication,
    BackchannelNotification,
    Client,
    ClientSession,
    Consent,
    Grant,
    Interaction,
    RefreshToken,
)
from tests.relying_party import make_client, make_user, unique

NOW = timezone.now()


def client_with(tokens: int) -> Client:
    """Return a client that was given this many of everything that there are many of."""
    client = Client.objects.get(client_id=make_client().client_id)
    user = User.objects.get(sub=make_user().sub)
    for _ in range(tokens):
        session = Session.objects.create(user=user, authenticated_at=NOW, last_seen_at=NOW)
        known = ClientSession.objects.create(client=client, session=session)
        grant = Grant.objects.create(
            client=client,
            user=user,
            session=session,
            client_session=known,
            scope="openid",
            auth_time=NOW,
        )
        shared = {"grant": grant, "expires": NOW + timedelta(hours=1), "user": user}
        AuthorizationCode.objects.create(application=client, code=unique("code"), **shared)
        access = AccessToken.objects.create(
            application=client, token="", token_checksum=unique("t"), **shared
        )
        first = RefreshToken.objects.create(
            application=client, token_checksum=unique("t"), access_token=access, **shared
        )
        RefreshToken.objects.create(
            application=client, token_checksum=unique("t"), predecessor=first, **shared
        )
        access.source_refresh_token = first
        access.save()
        asked = BackchannelAuthentication.objects.create(
            client=client,
            id_hash=unique("id"),
            expires=NOW,
            interval=5,
            status="approved",
            grant=grant,
        )
        BackchannelNotification.objects.create(authentication=asked, receiver="client")
        Interaction.objects.create(client=client, parameters={}, arrived_at=NOW)
    Consent.objects.create(user=user, client=client)
    return client


def test_no_token_is_loaded_to_be_deleted() -> None:
    statements = []
    for tokens in (1, 20):
        client = client_with(tokens)
        with CaptureQueriesContext(connection) as captured:
            deletion.delete(client)
        statements.append(len(captured))
        for model, column in deletion.MANY.items():
            assert not model._default_manager.filter(**{column: client.id}).exists()
        assert not Client.objects.filter(client_id=client.client_id).exists()
    assert statements[0] == statements[1]
    connection.check_constraints()


def test_many_tokens_are_deleted_in_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """What points at each other goes together: references are checked as each batch ends."""
    monkeypatch.setattr(deletion, "_BATCH", 3)
    client = client_with(8)
    with CaptureQueriesContext(connection) as captured:
        deletion.clear(client)
    transactions = [q["sql"] for q in captured.captured_queries].count("COMMIT")
    assert transactions >= 9  # of grants, interactions and parts of sessions alone
    for model, column in deletion.MANY.items():
        assert not model._default_manager.filter(**{column: client.id}).exists()
    client.refresh_from_db()
    assert not client.enabled
    deletion.delete(client)


def test_another_clients_tokens_stay() -> None:
    client, other = client_with(1), client_with(1)
    deletion.delete(client)
    assert RefreshToken.objects.filter(application=other).count() == 2
    assert Grant.objects.filter(client=other).count() == 1


def test_nothing_points_at_what_is_deleted_unseen() -> None:
    """A developer who adds such a model adds it to `MANY`, before the rows that it points at."""
    pointing: set[type[Model]] = {
        relation.related_model
        for model in deletion.MANY
        for relation in model._meta.get_fields(include_hidden=True)
        if relation.auto_created and not relation.concrete
    }
    assert pointing <= set(deletion.MANY)
