"""Clients, as a file declares them: registration metadata and policy."""

from typing import Any

from idp.clients import metadata, secrets
from idp.declaration.change import (
    NEW_SECRET,
    Change,
    DeclarationError,
    differences,
    refuse_unknown,
    validate,
)
from idp.models import Client

_MEMBERS = {"client_id", "client_secret", *metadata.NAMES}


def apply_client(entry: dict[str, Any]) -> Change | None:
    """Make a client as declared; return what changed, or None. Raises DeclarationError."""
    client_id = entry["client_id"]
    where = f"client {client_id}"
    refuse_unknown(where, entry, _MEMBERS)
    client = Client.objects.filter(client_id=client_id).first()
    is_new = client is None
    client = client or Client(client_id=client_id)
    before = {} if is_new else metadata.values_of(client)
    try:
        metadata.assign(client, entry)
    except TypeError as problem:
        raise DeclarationError(f"{where}: {problem}") from None
    validate(where, client)
    fields = differences(before, metadata.values_of(client))
    secret = _secret_of(where, client, entry)
    new_secret = secret is not None and (is_new or not secrets.is_valid_now(client, secret))
    if new_secret:
        fields["client_secret"] = NEW_SECRET
    if not fields:
        return None
    client.save()
    if new_secret and secret is not None:
        client.secrets.all().delete()
        secrets.add(client, secret)
    return Change(where, is_new, fields)


def _secret_of(where: str, client: Client, entry: dict[str, Any]) -> str | None:
    secret = entry.get("client_secret")
    if client.is_public:
        if secret is not None:
            raise DeclarationError(
                f"{where}: with token_endpoint_auth_method none there is no secret."
            )
        return None
    if secret is None and (client.pk is None or not client.secrets.exists()):
        raise DeclarationError(f"{where}: client_secret is missing.")
    if secret is not None and (not isinstance(secret, str) or len(secret) < secrets.MINIMUM_LENGTH):
        raise DeclarationError(
            f"{where}: client_secret needs {secrets.MINIMUM_LENGTH} characters of random text."
        )
    return secret
