"""Deleting a client with all that it was ever given, however much that is."""

from typing import Any

from django.db import transaction
from django.db.models import F, Model

from idp.models import (
    AccessToken,
    Authorization,
    AuthorizationCode,
    Client,
    ClientSession,
    Consent,
    PendingAuthorization,
    RefreshToken,
    UsedAssertion,
)

#: What a client may have millions of, by the column that names the client. Nothing points at these
#: rows but each other.
MANY: dict[type[Model], str] = {
    AccessToken: "application",
    RefreshToken: "application",
    AuthorizationCode: "application",
    PendingAuthorization: "client",
    Authorization: "client",
    ClientSession: "client",
    Consent: "client",
    UsedAssertion: "client",
}


def delete(client: Client) -> None:
    """Delete a client, its secrets, tokens, consents and all else.

    Disabled first, it is given nothing new. Whoever is just being given something holds what it
    is given for (a code, a refresh token) and needs the client's row last. So we take them in this
    order, too, which waits for them; what they were given meanwhile is deleted after that.
    """
    Client.objects.filter(pk=client.pk).update(enabled=False, version=F("version") + 1)
    with transaction.atomic():
        _delete_what_was_given_to(client)
        Client.objects.select_for_update().get(pk=client.pk)
        _delete_what_was_given_to(client)
        client.delete()


def _delete_what_was_given_to(client: Client) -> None:
    """Run one DELETE for each table of `MANY`: no token is loaded to be deleted."""
    for model, column in MANY.items():
        rows: Any = model._default_manager.filter(**{column: client})
        rows._raw_delete(rows.db)
