"""Deleting a client with all that it was ever given, however much that is."""

import time
from collections.abc import Sequence
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F, Model

from foundation.batches import give_way
from idp.models import (
    AccessToken,
    AuthorizationCode,
    Client,
    ClientSession,
    Consent,
    Delivery,
    Grant,
    Interaction,
    RefreshToken,
    UsedAssertion,
)

#: What a client may have millions of, by the column that names the client. Nothing points at these
#: rows but each other.
MANY: dict[type[Model], str] = {
    AccessToken: "application",
    RefreshToken: "application",
    AuthorizationCode: "application",
    Interaction: "client",
    Grant: "client",
    ClientSession: "client",
    Consent: "client",
    Delivery: "client",
    UsedAssertion: "client",
}


#: What a grant (`Grant`) has.
_OF_GRANTS = (AccessToken, RefreshToken, AuthorizationCode)
#: Rows, and grants with all their tokens, that are deleted in one transaction.
_BATCH = 500


def delete(client: Client) -> None:
    """Delete a client, its secrets, tokens, consents and all else.

    Disabled first, it is given nothing new. Whoever is just being given something holds what it
    is given for (a code, a refresh token) and needs the client's row last. So we take them in this
    order, too, which waits for them; what they were given meanwhile is deleted after that.
    """
    clear(client)
    with transaction.atomic():
        _delete_what_was_given_to(client)
        Client.objects.select_for_update().get(pk=client.pk)
        _delete_what_was_given_to(client)
        client.delete()


def clear(client: Client) -> None:
    """Disable a client and delete what it was given, in batches: nobody waits for millions of rows.

    Tokens point at each other, so those of a grant (`Grant`) go together.
    """
    Client.objects.filter(pk=client.pk).update(enabled=False, version=F("version") + 1)
    _clear(Grant.objects.filter(client=client), of_grants=_OF_GRANTS)
    _clear(AccessToken.objects.filter(application=client, grant=None))
    for model in (Interaction, ClientSession, Consent, Delivery, UsedAssertion):
        _clear(model._default_manager.filter(client=client))


def _clear(rows: Any, of_grants: Sequence[type[Model]] = ()) -> None:
    """Delete rows batch by batch, those of each grant's other models before them."""
    while True:
        began = time.monotonic()
        keys = list(rows.values_list("pk", flat=True)[:_BATCH])
        try:
            with transaction.atomic():
                for model in of_grants:
                    _delete(model._default_manager.filter(grant__in=keys))
                _delete(rows.model._default_manager.filter(pk__in=keys))
        except IntegrityError:  # something was given at this moment: the last transaction waits
            return
        if len(keys) < _BATCH:
            return
        give_way(began)


def _delete_what_was_given_to(client: Client) -> None:
    """Run one DELETE for each table of `MANY`: no token is loaded to be deleted."""
    for model, column in MANY.items():
        _delete(model._default_manager.filter(**{column: client}))


def _delete(rows: Any) -> None:
    """Run one DELETE, which loads nothing."""
    rows._raw_delete(rows.db)
