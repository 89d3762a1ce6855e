"""Deleting a client with all that it was ever given, however much that is."""

import time
from collections.abc import Sequence
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F, Model

from foundation.batches import give_way
from foundation.deletion import delete_in_batches
from idp import sharing
from idp.models import (
    AccessToken,
    AuthorizationCode,
    BackchannelAuthentication,
    BackchannelNotification,
    Client,
    ClientSession,
    Consent,
    Delivery,
    DeviceCode,
    DeviceSecret,
    Grant,
    Interaction,
    RefreshToken,
    Role,
    UsedAssertion,
)

#: Tables with up to millions of rows per client, by the column of the client. Only these rows refer
#: to each other.
MANY: dict[type[Model], str] = {
    AccessToken: "application",
    RefreshToken: "application",
    AuthorizationCode: "application",
    DeviceCode: "application",
    BackchannelNotification: "authentication__client",
    BackchannelAuthentication: "client",
    Interaction: "client",
    DeviceSecret: "grant__client",
    Grant: "client",
    ClientSession: "client",
    Consent: "client",
    Delivery: "client",
    UsedAssertion: "client",
}


#: Tables with rows of a grant (`Grant`).
_OF_GRANTS = (AccessToken, RefreshToken, AuthorizationCode, DeviceCode, DeviceSecret)
#: Rows, and grants with all their tokens, that are deleted in one transaction.
_BATCH = 500


def delete(client: Client) -> None:
    """Delete a client with its secrets, tokens, consents and other rows.

    It is disabled first, so that it gets nothing new. A concurrent request that issues a token
    locks the code or refresh token first and the client's row last. This takes locks in the same
    order and so waits for it; what it issued is deleted afterwards.
    """
    clear(client)
    with transaction.atomic():
        _delete_what_was_given_to(client)
        Client.objects.select_for_update().get(pk=client.pk)
        _delete_what_was_given_to(client)
        client.delete()


def clear(client: Client) -> None:
    """Disable a client and delete its tokens in batches, so that locks are short.

    Tokens refer to each other, so those of a grant (`Grant`) are deleted together.
    """
    Client.objects.filter(pk=client.pk).update(enabled=False, version=F("version") + 1)
    _clear(BackchannelNotification.objects.filter(authentication__client=client))
    _clear(BackchannelAuthentication.objects.filter(client=client))
    _clear(Grant.objects.filter(client=client), of_grants=_OF_GRANTS)
    _clear(DeviceCode.objects.filter(application=client))
    _clear(AccessToken.objects.filter(application=client))  # for itself, and by exchange
    for role in Role.objects.filter(client=client):
        delete_in_batches(role)
    for model in (Interaction, ClientSession, Consent, Delivery, UsedAssertion):
        _clear(model._default_manager.filter(client=client))


def _clear(rows: Any, of_grants: Sequence[type[Model]] = ()) -> None:
    """Delete rows batch by batch, those of each grant's other models before them."""
    while True:
        began = time.monotonic()
        keys = list(rows.values_list("pk", flat=True)[:_BATCH])
        try:
            with transaction.atomic():
                if of_grants:  # Users still see what the client could see.
                    sharing.remember(rows.filter(pk__in=keys).select_related("client"))
                for model in of_grants:
                    _delete(model._default_manager.filter(grant__in=keys))
                _delete(rows.model._default_manager.filter(pk__in=keys))
        except (
            IntegrityError
        ):  # A grant was given at the same time: the last transaction waits for it.
            return
        if len(keys) < _BATCH:
            return
        give_way(began)


def _delete_what_was_given_to(client: Client) -> None:
    """Run one DELETE for each table of `MANY`: no token is loaded to be deleted."""
    for model, column in MANY.items():
        _delete(model._default_manager.filter(**{column: client}))


def _delete(rows: Any) -> None:
    """Run one DELETE, which loads no rows."""
    rows._raw_delete(rows.db)
