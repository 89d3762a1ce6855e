"""Deleting a client with all that it was ever given, however much that is."""

from typing import Any

from django.db import transaction
from django.db.models import Model

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

    One DELETE for each table of `MANY`, so that no token is loaded to be deleted. What is left is
    little, and Django finds it.
    """
    with transaction.atomic():
        # Whoever issues a token to it meanwhile waits, and then learns that there is no client.
        Client.objects.select_for_update().get(pk=client.pk)
        for model, column in MANY.items():
            rows: Any = model._default_manager.filter(**{column: client})
            rows._raw_delete(rows.db)
        client.delete()
