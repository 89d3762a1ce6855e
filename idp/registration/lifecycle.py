"""A self-registered client from its registration to its deletion. RFC 7591 §3, RFC 7592 §2."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from secrets import token_urlsafe
from typing import Any

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from foundation.statements import hash_of
from idp.clients import deletion, logos, secrets
from idp.models import Client
from idp.protocol.errors import InvalidClientMetadata, InvalidToken
from idp.protocol.rules import upholds
from idp.registration import (
    access_tokens,
    documents,
    initial_access_tokens,
    software_statements,
)
from idp.registration.policies import (
    Permit,
    hosts_are_permitted,
    is_permitted,
    permit_of,
    stamp_of,
)
from idp.registration.reduction import reduced, with_application_type

#: Members that only the provider sets (RFC 7592 §2.2).
_OURS = (
    "registration_access_token",
    "registration_client_uri",
    "client_id_issued_at",
    "client_secret_expires_at",
)


@dataclass(frozen=True)
class Registration:
    """A client with its secrets, for its developer only: only their hashes are stored."""

    client: Client
    access_token: str
    #: A secret that has just been made.
    secret: str | None = None


def register(document: Mapping[str, Any], permit: Permit, now: datetime) -> Registration:
    """Create a client from its metadata, within its permit. RFC 7591 §3.1.

    Raises InvalidToken if the initial access token is used up, InvalidRedirectUri,
    InvalidClientMetadata, and the errors of `software_statements.joined`.
    """
    access_token = token_urlsafe(32)
    client = Client(
        registration_source=Client.RegistrationSource.DCR,
        registered_with=stamp_of(permit.token),
        registration_access_token_hash=hash_of(access_token),
        profile=Client.Profile.COMPATIBLE,
    )
    members, client.software_statement = software_statements.joined(document, now)
    _describe(client, _registered(members, permit), permit)
    documents.remote_metadata_is_valid(client)
    with transaction.atomic():
        if permit.token is not None:
            initial_access_tokens.use(permit.token, now)
        client.save()
        logos.plan(client, now + logos.FIRST_ATTEMPT_WITHIN)
        registration = Registration(client, access_token, _first_secret(client))
    logos.fetch_at_once(client)
    return registration


def _first_secret(client: Client) -> str | None:
    """Return the secret of a client that is being registered, if it needs one."""
    if not client.needs_secret:
        return None
    secret = secrets.generate()
    secrets.add_first(client, secret)
    return secret


@upholds("RFC 7592 §2")
def find(client_id: str | None, access_token: str) -> Client:
    """Return the client that a registration access token is for. RFC 7592 §2.

    Raises InvalidToken, with the same description for a wrong token and for an unknown client.
    """
    client: Client | None = Client.objects.filter(
        client_id=client_id or "",
        registration_source=Client.RegistrationSource.DCR,
        enabled=True,
    ).first()
    if client is None or not access_tokens.is_for(client, access_token):
        raise _not_there()
    return client


def read(client: Client, access_token: str) -> Registration:
    """Return a client with its next token. RFC 7592 §2.1.

    Raises InvalidToken if the client is deleted, or the token has expired meanwhile.
    """
    if access_tokens.may_stay(client):
        return Registration(client, access_token)
    with transaction.atomic():
        present = _held(client, access_token)
        return Registration(present, access_tokens.renew(present, access_token))


def replace(
    client: Client, access_token: str, document: Mapping[str, Any], now: datetime
) -> tuple[Registration, dict[str, tuple[Any, Any]]]:
    """Replace a client's metadata, and return the changes, before and after. RFC 7592 §2.2.

    Omitted members get their defaults; an omitted software statement does not apply any more.
    Raises InvalidToken if the client is deleted, and the errors of `register`.
    """
    given = {name: value for name, value in document.items() if value is not None}
    members, statement = software_statements.joined(given, now, accepted=client.software_statement)
    registered = _registered(members, permit_of(client))
    _is_about(client, document)
    # Fetch first: a transaction that waits for the client's server would block others.
    _describe(client, registered, permit_of(client))
    documents.remote_metadata_is_valid(client)
    with transaction.atomic():
        present = _held(client, access_token)
        before = event_details_of(present)
        present.software_statement = statement
        _describe(present, registered, permit_of(present))
        present.save()
        logos.plan(present, now + logos.FIRST_ATTEMPT_WITHIN)
        going_on_with = access_tokens.renew(present, access_token)
        registration = Registration(present, going_on_with, _secret_where_needed(present))
    logos.fetch_at_once(present)
    return registration, changes_of(present, before)


@upholds("RFC 7592 §2.3")
def delete(client: Client) -> None:
    """Delete a client with all its tokens and codes. RFC 7592 §2.3.

    One of many concurrent calls disables it and continues. Raises InvalidToken if it is deleted.
    """
    there = Client.objects.filter(pk=client.pk, enabled=True)
    if not there.update(enabled=False, version=F("version") + 1):
        raise _not_there()
    deletion.delete(client)


def event_details_of(client: Client) -> dict[str, Any]:
    """Return a registration as events show it: of its software statement, the issuer alone."""
    issuer = software_statements.issuer_of(client.software_statement)
    return {**documents.registered_by(client), "software_statement": issuer}


def changes_of(client: Client, before: Mapping[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Return the changes for the event of a registration: the values before and after."""
    after = event_details_of(client)
    return {
        name: (before.get(name), after.get(name))
        for name in {**before, **after}
        if before.get(name) != after.get(name)
    }


@upholds("RFC 7591 §3")
def _held(client: Client, access_token: str) -> Client:
    """Return a client's row as it is now, for us alone until the transaction ends."""
    present: Client | None = (
        Client.objects.select_for_update().filter(pk=client.pk, enabled=True).first()
    )
    if present is None or not access_tokens.is_for(present, access_token):
        raise _not_there()
    return present


def _registered(members: Mapping[str, Any], permit: Permit) -> dict[str, Any]:
    """Return the members that are to be registered, reduced to what the permit has."""
    return documents.read(with_application_type(reduced(members, permit)))


def _describe(client: Client, registered: Mapping[str, Any], permit: Permit) -> None:
    documents.assign(client, dict(registered))
    client.scopes = client.scopes or list(permit.default_scopes)
    client.open_scopes = [scope for scope in client.scopes if scope not in permit.scopes]
    documents.metadata_is_valid(client)
    is_permitted(client, permit)
    hosts_are_permitted(client, permit)


@upholds("RFC 7592 §2.2")
def _is_about(client: Client, document: Mapping[str, Any]) -> None:
    """RFC 7592 §2.2: a replacement names its client, and changes neither id nor secret."""
    if document.get("client_id") != client.client_id:
        raise InvalidClientMetadata("client_id: It is missing, or is not this client's.")
    ours = next((name for name in _OURS if name in document), None)
    if ours is not None:
        raise InvalidClientMetadata(f"{ours}: It is the provider's to say; leave it out.")
    secret = document.get("client_secret")
    if secret is None:
        return
    known = isinstance(secret, str) and secret.isascii()
    if not known or not secrets.is_valid_now(client, secret):
        raise InvalidClientMetadata("client_secret: It is not the client's present secret.")


def _secret_where_needed(client: Client) -> str | None:
    """Return a new secret if the client needs one and has none; one without need loses it."""
    if not client.needs_secret:
        client.secrets.all().delete()
        return None
    if client.secrets.exists() and secrets.can_sign(client):
        return None
    secret = secrets.generate()
    # A secret of which only a hash is stored can't sign: a new one replaces it (RFC 7592 §2.2).
    secrets.add(client, secret, others_end_at=timezone.now())
    return secret


def _not_there() -> InvalidToken:
    return InvalidToken("The registration access token is wrong, or its client is not there.")
