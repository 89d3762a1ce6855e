"""APIs, as a file declares them, and which clients may introspect for them."""

from typing import Any

from idp import server_keys
from idp.declaration.change import (
    NEW_SECRET,
    Change,
    DeclarationError,
    differences,
    refuse_unknown,
    validate,
)
from idp.models import Client, ResourceServer
from idp.tokens.access_token import ENCRYPTION_PURPOSE

_COLUMNS: dict[str, Any] = {
    "name": str,
    "scopes": (list, dict),
    "access_token_format": str,
    "access_token_signing_alg": str,
    "access_token_lifetime": int,
    "access_token_encryption_alg": str,
    "encryption_jwk": (dict, type(None)),
}
_MEMBERS = {"identifier", "encryption_secret", "introspection_clients", *_COLUMNS}
_SECRET_BYTES = 32


def apply_resource_server(entry: dict[str, Any]) -> Change | None:
    """Make an API as declared; return what changed, or None. Raises DeclarationError."""
    where = f"resource server {entry['identifier']}"
    refuse_unknown(where, entry, _MEMBERS)
    server = ResourceServer.objects.filter(identifier=entry["identifier"]).first()
    is_new = server is None
    server = server or ResourceServer(identifier=entry["identifier"])
    before = {} if is_new else _state_of(server)
    blank = ResourceServer()
    for name, kind in _COLUMNS.items():
        value = entry.get(name, getattr(blank, name))
        if not isinstance(value, kind) or (name == "scopes" and not _are_texts(value)):
            raise DeclarationError(f"{where}: {name}: {value!r} is not of the right type")
        setattr(server, name, value)
    validate(where, server)
    fields = differences(before, _state_of(server))
    secret = _secret_of(where, server, entry)
    if secret is not None and secret != _present_secret(server):
        server.encryption_secret_sealed = server_keys.seal(secret, ENCRYPTION_PURPOSE)
        fields["encryption_secret"] = NEW_SECRET
    if not fields and not is_new:
        return None
    server.save()
    return Change(where, is_new, fields)


def _are_texts(scopes: list[Any] | dict[Any, Any]) -> bool:
    words = [*scopes, *(scopes.values() if isinstance(scopes, dict) else ())]
    return all(isinstance(word, str) for word in words)


def appoint(entry: dict[str, Any]) -> Change | None:
    """Say which clients introspect for an API, once all the clients are made."""
    where = f"resource server {entry['identifier']}"
    wanted = entry.get("introspection_clients", [])
    if not isinstance(wanted, list) or not all(isinstance(name, str) for name in wanted):
        raise DeclarationError(f"{where}: introspection_clients has to be a list of client_ids")
    wanted = sorted(set(wanted))
    clients = list(Client.objects.filter(client_id__in=wanted))
    unknown = set(wanted) - {client.client_id for client in clients}
    if unknown:
        raise DeclarationError(f"{where}: introspection_clients: unknown: {min(unknown)}")
    server = ResourceServer.objects.get(identifier=entry["identifier"])
    before = sorted(server.introspection_clients.values_list("client_id", flat=True))
    if before == wanted:
        return None
    server.introspection_clients.set(clients)
    return Change(where, is_new=False, fields={"introspection_clients": (before, wanted)})


def _state_of(server: ResourceServer) -> dict[str, Any]:
    return {name: getattr(server, name) for name in _COLUMNS}


def _secret_of(where: str, server: ResourceServer, entry: dict[str, Any]) -> bytes | None:
    """Return the key shared with the API: 32 bytes, in the file as text of that many characters."""
    secret = entry.get("encryption_secret")
    if server.access_token_encryption_alg != "dir":
        server.encryption_secret_sealed = ""
        if secret is not None:
            raise DeclarationError(f"{where}: encryption_secret goes with the algorithm dir alone")
        return None
    if secret is None and server.encryption_secret_sealed:
        return None
    encoded = secret.encode() if isinstance(secret, str) else b""
    if len(encoded) != _SECRET_BYTES:
        raise DeclarationError(
            f"{where}: encryption_secret has to be {_SECRET_BYTES} bytes of text"
        )
    return encoded


def _present_secret(server: ResourceServer) -> bytes | None:
    sealed = server.encryption_secret_sealed
    return server_keys.unseal(sealed, ENCRYPTION_PURPOSE) if sealed else None
