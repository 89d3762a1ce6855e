"""Clients, as a file declares them: registration metadata and policy."""

from collections.abc import Collection
from functools import partial
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import QuerySet

from accounts.addresses import normalised_email
from accounts.models import User
from idp import client_metadata
from idp.clients import secrets, validation
from idp.declaration import groups
from idp.declaration.change import NEW_SECRET, Act, Change, differences
from idp.declaration.members import (
    DeclarationError,
    MissingSecretError,
    refuse_other_types,
    refuse_unknown,
    secret_of,
    validate,
)
from idp.declaration.steps import Step, updated
from idp.models import Client
from idp.models.catalog import Catalog
from idp.protocol.errors import TemporarilyUnavailable

_MEMBERS = {"client_id", "client_secret", "owner", *client_metadata.BY_NAME}
_NAMES = {
    "user": "owner",
    **{column: member.name for column, member in client_metadata.BY_COLUMN.items()},
}


def plan_client(
    entry: dict[str, Any], *, catalog: Catalog, people: Collection[str]
) -> tuple[Client, Step | None]:
    """Return a client as declared, and the step that makes it so. Raises DeclarationError.

    `people` are the addresses of those whom the file declares.
    """
    client_id = entry["client_id"]
    what = f"client {client_id}"
    refuse_unknown(what, entry, {*_MEMBERS, *filter(client_metadata.is_localized, entry)})
    client = Client.objects.select_related("user").filter(client_id=client_id).first()
    is_new = client is None
    if client is not None and client.registration_source == Client.RegistrationSource.CIMD:
        raise DeclarationError(f"{what}: its own document describes it; delete it to declare it.")
    client = client or Client(client_id=client_id)
    before = {} if is_new else state(client)
    try:
        client_metadata.assign(client, entry)
    except TypeError as problem:
        raise DeclarationError(f"{what}: {problem}") from None
    groups.refuse_odd_names(what, "allowed_groups", client.allowed_groups)
    catalog.new_groups.update(client.allowed_groups)
    client.user = _owner(what, entry, people)
    validate(what, client, clean=partial(validation.check, client, catalog), names=_NAMES)
    try:
        validation.check_remotely(client)
    except ValidationError as error:
        ((name, problems),) = error.message_dict.items()
        raise DeclarationError(f"{what}: {name}: {' '.join(problems)}") from None
    except TemporarilyUnavailable as problem:
        raise DeclarationError(f"{what}: sector_identifier_uri: {problem}") from None
    fields = differences(before, state(client))
    secret = _secret_of(what, client, entry)
    if secret is None and client.needs_secret and not (client.pk and client.secrets.exists()):
        raise MissingSecretError(what, "client_secret", client)
    can_sign = secrets.can_sign(client) if client.pk else not client.needs_hmac_key
    if secret is None and not can_sign:
        raise DeclarationError(
            f"{what}: client_secret is missing: these algorithms sign or encrypt with it, and the "
            "secret it has is kept as a hash alone."
        )
    new_secret = secret is not None and (
        is_new or not can_sign or not secrets.is_valid_now(client, secret)
    )
    if new_secret:
        fields["client_secret"] = NEW_SECRET
    if not fields:
        return client, None
    change = Change(what, Act.ADDED if is_new else Act.CHANGED, fields)
    return client, Step(change, partial(_make, client, fields, secret if new_secret else None))


def _make(planned: Client, fields: dict[str, tuple[Any, Any]], secret: str | None) -> None:
    if "allowed_groups" in fields:
        groups.made(planned.allowed_groups)
    if planned.user is not None:
        planned.user = User.objects.get(email=planned.user.email)  # the file may have made them
    if planned.pk is not None:
        planned = updated(planned, fields, state, (*client_metadata.COLUMNS, "user"))
    planned.save()
    if secret is not None:
        planned.secrets.all().delete()
        secrets.add(planned, secret)


def state(client: Client) -> dict[str, Any]:
    """Return what the file can say about a client, except its secret."""
    return {**client_metadata.values_of(client), "owner": client.user.email if client.user else ""}


def defaults(client: Client) -> dict[str, Any]:
    """Return what a client with these grant types is where the file says nothing else."""
    return {**client_metadata.defaults(client.grant_types), "owner": ""}


def rows() -> QuerySet[Client]:
    """Return what is exported, and pruned: what no client registered itself."""
    clients: QuerySet[Client] = Client.objects.select_related("user").order_by("client_id")
    return clients.filter(registration_source=Client.RegistrationSource.MANUAL)


def _owner(what: str, entry: dict[str, Any], people: Collection[str]) -> User | None:
    """Return the owner as stored, or as the file will make them."""
    refuse_other_types(what, entry, {"owner": (str,)})
    email = normalised_email(entry.get("owner", ""))
    if not email:
        return None
    owner = User.objects.filter(email=email).first()
    if owner is None and email in people:
        return User(email=email)
    if owner is None:
        raise DeclarationError(f"{what}: owner: Nobody has the address {email}.")
    return owner


def _secret_of(what: str, client: Client, entry: dict[str, Any]) -> str | None:
    secret = secret_of(what, entry, "client_secret")
    if not client.needs_secret:
        if secret is not None:
            raise DeclarationError(
                f"{what}: with token_endpoint_auth_method {client.token_endpoint_auth_method} "
                "there is no client_secret."
            )
        return None
    shortest = max(secrets.MINIMUM_LENGTH, client.hmac_key_octets)
    if secret is not None and len(secret) < shortest:
        raise DeclarationError(f"{what}: client_secret needs {shortest} characters of random text.")
    return secret
