"""APIs, as a file declares them, and which clients may introspect for them."""

from collections.abc import Callable, Collection
from functools import partial
from types import NoneType
from typing import Any

from cryptography.fernet import InvalidToken
from django.db.models import QuerySet

from foundation import server_keys
from idp.declaration.change import NEW_SECRET, Change, Outcome
from idp.declaration.members import (
    DeclarationError,
    MissingSecretError,
    refuse_other_types,
    refuse_unknown,
    secret_of,
)
from idp.declaration.plain_rows import set_columns, state_of_columns, step_of_columns
from idp.declaration.steps import ConflictError, Step, check_unchanged
from idp.models import Client, ResourceServer
from idp.models.catalog import Catalog
from idp.tokens.access_token import ENCRYPTION_PURPOSE

_COLUMNS: dict[str, tuple[type, ...]] = {
    "name": (str,),
    "scopes": (list, dict),
    "access_token_format": (str,),
    "access_token_signing_alg": (str,),
    "access_token_typ": (str,),
    "access_token_claims": (list,),
    "access_token_lifetime": (int,),
    "access_token_encryption_alg": (str,),
    "encryption_jwk": (dict, NoneType),
    "open_to_self_registered": (bool,),
}
_TYPES = {**_COLUMNS, "introspection_clients": (list,)}
_MEMBERS = {"identifier", "encryption_secret", *_TYPES}
_SECRET_BYTES = 32


def plan_resource_server(
    entry: dict[str, Any], *, catalog: Catalog
) -> tuple[ResourceServer, Step | None]:
    """Return an API as declared, and the step that makes it so. Raises DeclarationError."""
    what = f"resource server {entry['identifier']}"
    refuse_unknown(what, entry, _MEMBERS)
    refuse_other_types(what, entry, _TYPES)
    stored = ResourceServer.objects.filter(identifier=entry["identifier"]).first()
    server = stored or ResourceServer(identifier=entry["identifier"])
    fields = set_columns(what, server, entry, _COLUMNS, partial(server.clean, catalog))
    _check_key(what, server)
    secret = _secret_of(what, server, entry)
    needs_secret = server.access_token_encryption_alg == "dir"
    if needs_secret and secret is None and not server.encryption_secret_sealed:
        raise MissingSecretError(what, "encryption_secret", server)
    if secret is not None and secret != _present_secret(server):
        server.encryption_secret_sealed = server_keys.seal(secret, ENCRYPTION_PURPOSE)
        fields["encryption_secret"] = NEW_SECRET
    columns = (*_COLUMNS, "encryption_secret_sealed")
    return server, step_of_columns(what, server, fields, columns)


def plan_introspection(
    entry: dict[str, Any], *, clients: Callable[[set[str]], set[str]], left_out: Collection[str]
) -> Step | None:
    """Return the step that sets which clients introspect for an API, once all clients are saved.

    `clients` returns the clients that will exist among some client_ids; those that were `left_out`
    are valid references. Raises DeclarationError.
    """
    identifier = entry["identifier"]
    what = f"resource server {identifier}"
    names = set(entry.get("introspection_clients", []))
    wanted = clients(names)
    unknown = names - wanted - set(left_out)
    if unknown:
        raise DeclarationError(f"{what}: introspection_clients: unknown: {min(unknown)}")
    server = rows().filter(identifier=identifier).first()
    before = clients(set(_introspection_clients(server))) if server else set()
    if before == wanted:
        return None
    fields = {"introspection_clients": (sorted(before), sorted(wanted))}
    change = Change(what, Outcome.CHANGED, fields)
    return Step(change, partial(_appoint, identifier, fields))


def _appoint(identifier: str, fields: dict[str, tuple[Any, Any]]) -> None:
    server = ResourceServer.objects.get(identifier=identifier)
    check_unchanged(server, fields, state)
    _before, wanted = fields["introspection_clients"]
    clients = Client.objects.filter(client_id__in=wanted)
    if len(clients) < len(wanted):
        raise ConflictError("A client is gone.")
    server.introspection_clients.set(clients)


def state(server: ResourceServer) -> dict[str, Any]:
    """Return the exportable members of an API, except a secret."""
    return {
        **state_of_columns(server, _COLUMNS),
        "introspection_clients": _introspection_clients(server),
    }


def defaults(_: ResourceServer) -> dict[str, Any]:
    """Return the defaults of an API."""
    return {**state_of_columns(ResourceServer(), _COLUMNS), "introspection_clients": []}


def rows() -> QuerySet[ResourceServer]:
    """Return the rows that are exported and pruned."""
    servers = ResourceServer.objects.prefetch_related("introspection_clients")
    return servers.order_by("identifier")


def _introspection_clients(server: ResourceServer) -> list[str]:
    return sorted(client.client_id for client in server.introspection_clients.all())


def _check_key(what: str, server: ResourceServer) -> None:
    if server.encryption_jwk is not None and server.access_token_encryption_alg in {"", "dir"}:
        raise DeclarationError(
            f"{what}: encryption_jwk goes with the algorithms RSA-OAEP-256 and ECDH-ES alone."
        )


def _secret_of(what: str, server: ResourceServer, entry: dict[str, Any]) -> bytes | None:
    """Return the key shared with the API: 32 bytes, in the file as text of that many characters."""
    secret = secret_of(what, entry, "encryption_secret")
    if server.access_token_encryption_alg != "dir":
        server.encryption_secret_sealed = ""
        if secret is not None:
            raise DeclarationError(f"{what}: encryption_secret goes with the algorithm dir alone.")
        return None
    if secret is not None and len(secret.encode()) != _SECRET_BYTES:
        raise DeclarationError(
            f"{what}: encryption_secret has to be {_SECRET_BYTES} bytes of text."
        )
    return secret.encode() if secret is not None else None


def _present_secret(server: ResourceServer) -> bytes | None:
    if not server.encryption_secret_sealed:
        return None
    try:
        return server_keys.unseal(server.encryption_secret_sealed, ENCRYPTION_PURPOSE)
    except InvalidToken:  # Encrypted with a server key that was removed: it can't be read any more.
        return None
