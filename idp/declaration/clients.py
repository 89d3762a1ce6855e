"""Clients, as a file declares them: registration metadata and policy."""

from collections.abc import Collection
from functools import partial
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.utils import timezone

from accounts.addresses import normalised_email
from accounts.models import User
from idp import client_metadata
from idp.clients import logos, secrets, validation
from idp.declaration import groups, roles
from idp.declaration.change import NEW_SECRET, Change, Outcome, differences
from idp.declaration.members import (
    DeclarationError,
    MissingSecretError,
    refusal,
    refuse_other_types,
    refuse_unknown,
    secret_of,
    validate,
)
from idp.declaration.steps import Step, updated
from idp.models import Client
from idp.models.catalog import Catalog
from idp.protocol.errors import TemporarilyUnavailable

_MEMBERS = {"client_id", "client_secret", "owner", "roles", *client_metadata.BY_NAME}
_NAMES = {
    "user": "owner",
    **{column: member.name for column, member in client_metadata.BY_COLUMN.items()},
}


def plan_client(
    entry: dict[str, Any], *, catalog: Catalog, emails: Collection[str]
) -> tuple[Client, Step | None]:
    """Return a client as declared, and the step that saves it. Raises DeclarationError.

    `emails` are the addresses of the users whom the file declares.
    """
    what = f"client {entry['client_id']}"
    refuse_unknown(what, entry, {*_MEMBERS, *filter(client_metadata.is_localized, entry)})
    client = _stored(what, entry["client_id"]) or Client(client_id=entry["client_id"])
    is_new = client.pk is None
    before = {} if is_new else state(client)
    _describe(what, client, entry, emails)
    declared_roles = roles.declared(what, entry)
    catalog.new_groups.update(client.allowed_groups)
    _check(what, client, catalog)
    fields = differences(before, {**_columns_of(client), "roles": declared_roles})
    secret = _new_secret(what, client, _secret_of(what, client, entry))
    if secret is not None:
        fields["client_secret"] = NEW_SECRET
    if not fields:
        return client, None
    change = Change(what, Outcome.ADDED if is_new else Outcome.CHANGED, fields)
    return client, Step(change, partial(_make, client, fields, secret))


def _stored(what: str, client_id: str) -> Client | None:
    """Return the stored client. Raises DeclarationError for one that its document describes."""
    rows = Client.objects.select_related("user").filter(client_id=client_id)
    client: Client | None = rows.first()
    if client is not None and client.registration_source == Client.RegistrationSource.CIMD:
        raise DeclarationError(f"{what}: its own document describes it; delete it to declare it.")
    return client


def _describe(what: str, client: Client, entry: dict[str, Any], emails: Collection[str]) -> None:
    """Set the columns of a client from its entry, with defaults for missing members."""
    try:
        client_metadata.assign(client, entry)
    except TypeError as problem:
        raise DeclarationError(f"{what}: {problem}") from None
    groups.refuse_odd_names(what, "allowed_groups", client.allowed_groups)
    client.user = _owner(what, entry, emails)


def _check(what: str, client: Client, catalog: Catalog) -> None:
    """Run the checks of client metadata, then the remote ones. Raises DeclarationError."""
    validate(what, client, clean=partial(validation.check, client, catalog), names=_NAMES)
    try:
        validation.check_remotely(client)
    except ValidationError as error:
        raise refusal(what, error, _NAMES) from None
    except TemporarilyUnavailable as problem:
        raise DeclarationError(f"{what}: sector_identifier_uri: {problem}") from None


def _make(planned: Client, fields: dict[str, tuple[Any, Any]], secret: str | None) -> Client:
    if "allowed_groups" in fields:
        groups.made(planned.allowed_groups)
    if planned.user is not None:
        planned.user = User.objects.get(email=planned.user.email)  # the file may have made them
    is_new = planned.pk is None
    if not is_new:
        planned = updated(planned, fields, state, (*client_metadata.COLUMNS, "user"))
    planned.save()
    if any(name.startswith("logo_uri") for name in fields):
        logos.plan(planned, timezone.now())
    if "roles" in fields:
        roles.save(planned, fields["roles"][1])
    if secret is not None and is_new:
        secrets.add_first(planned, secret)
    elif secret is not None:
        planned.secrets.all().delete()
        secrets.add(planned, secret)
    return planned


def state(client: Client) -> dict[str, Any]:
    """Return the exportable members of a client, except its secret."""
    return {**_columns_of(client), "roles": roles.of_client(client)}


def _columns_of(client: Client) -> dict[str, Any]:
    return {**client_metadata.values_of(client), "owner": client.user.email if client.user else ""}


def defaults(client: Client) -> dict[str, Any]:
    """Return the defaults of a client with these grant types."""
    return {**client_metadata.defaults(client.grant_types), "owner": "", "roles": {}}


def rows() -> QuerySet[Client]:
    """Return the rows that are exported and pruned: not those of dynamic registration."""
    clients: QuerySet[Client] = Client.objects.select_related("user").order_by("client_id")
    by_operators = clients.filter(registration_source=Client.RegistrationSource.MANUAL)
    return by_operators.prefetch_related("roles__groups")


def _owner(what: str, entry: dict[str, Any], emails: Collection[str]) -> User | None:
    """Return the owner as stored, or as the file will make them."""
    refuse_other_types(what, entry, {"owner": (str,)})
    email = normalised_email(entry.get("owner", ""))
    if not email:
        return None
    owner = User.objects.filter(email=email).first()
    if owner is None and email in emails:
        return User(email=email)
    if owner is None:
        raise DeclarationError(f"{what}: owner: No user has the address {email}.")
    return owner


def _new_secret(what: str, client: Client, secret: str | None) -> str | None:
    """Return the declared secret if it is not the client's already, else None.

    Raises MissingSecretError, and DeclarationError where the present one can't be used as a key.
    """
    is_new = client.pk is None
    if secret is None and client.needs_secret and (is_new or not client.secrets.exists()):
        raise MissingSecretError(what, "client_secret", client)
    can_sign = not client.needs_hmac_key if is_new else secrets.can_sign(client)
    if secret is None and not can_sign:
        raise DeclarationError(
            f"{what}: client_secret is missing: these algorithms sign or encrypt with it, and the "
            "secret it has is kept as a hash alone."
        )
    if secret is None or (not is_new and can_sign and secrets.is_valid_now(client, secret)):
        return None
    return secret


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
