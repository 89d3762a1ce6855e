"""An app of another server, as it becomes one here: what can be taken of it, and what can't."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.db import transaction

from accounts.models import User
from idp import client_metadata, policy
from idp.clients import secrets, validation
from idp.declaration.members import DeclarationError, validate
from idp.models import Client
from idp.models.catalog import Catalog
from idp.protocol import redirect_uris
from idp.protocol.addresses import parse

_URIS = ("redirect_uris", "post_logout_redirect_uris")
_NAMES = {column: member.name for column, member in client_metadata.BY_COLUMN.items()}
#: What Django's hashers write: their name, and parts between dollar signs.
_HASH = re.compile(r"[a-z][a-z0-9_]*\$.*\$")


@dataclass(frozen=True)
class ForeignApp:
    """An app of another server."""

    #: Its id, and its owner's, in the other database.
    id: int
    owner_id: int | None
    #: Its metadata, as `apply` takes it, without scopes and secret.
    entry: dict[str, Any]
    #: Its secret, or a hash of it by one of Django's hashers; empty for none.
    secret: str
    #: The scopes that it has or has used.
    scopes: frozenset[str]
    #: Whether its users have agreed to what it holds, and nothing else says so.
    asked_users: bool = False
    #: Whether it has no row of its own here: it comes with a document (client ID metadata).
    has_document: bool = False

    @property
    def client_id(self) -> str:
        """Return its id on the wire, which stays."""
        return str(self.entry["client_id"])


def application_type_of(uris: Iterable[str]) -> str:
    """Return the application type that these redirect URIs are of. RFC 8252 §7."""
    is_native = any(
        parts is not None and parts.scheme not in {"https", "http"} for parts in map(parse, uris)
    )
    return "native" if is_native else "web"


def store(app: ForeignApp, owner: User | None, catalog: Catalog) -> tuple[Client, list[str]]:
    """Store an app that is not here yet; return it, and sentences about what could not be taken.

    Raises DeclarationError where it can't be an app here at all: nothing of it is stored.
    """
    entry, problems = dict(app.entry), []
    for member in _URIS:
        entry[member], refused = _usable(member, entry)
        problems += refused
    known = {scope for scope in app.scopes if catalog.offers(scope)}
    if known - set(policy.STANDARD_SCOPES):
        entry["scope"] = " ".join(sorted(known | set(policy.STANDARD_SCOPES)))
    if unknown := app.scopes - known:
        problems.append(
            f"scope: {', '.join(sorted(unknown))}: no scope or API here has this name. Define it, "
            "and add it to the app; what the app holds already keeps it."
        )
    with transaction.atomic():
        client = Client(client_id=app.client_id, user=owner)
        try:
            client_metadata.assign(client, entry)
        except TypeError as problem:
            raise DeclarationError(str(problem)) from None
        validate("app", client, clean=partial(validation.check, client, catalog), names=_NAMES)
        client.save()
        if client.needs_secret and (problem_with_secret := _store_secret(client, app.secret)):
            problems.append(f"client_secret: {problem_with_secret}")
    return client, problems


def _usable(member: str, entry: dict[str, Any]) -> tuple[list[str], list[str]]:
    """Return the redirect URIs that may be registered, and sentences about the others."""
    usable, refused = [], []
    for uri in entry[member]:
        problem = redirect_uris.problem_with(
            uri,
            application_type=entry["application_type"],
            private_schemes=policy.PRIVATE_URI_SCHEMES,
        )
        if problem is None:
            usable.append(uri)
        else:
            refused.append(f"{member}: {uri}: {problem}")
    return usable, refused


def _store_secret(client: Client, secret: str) -> str | None:
    """Store an app's secret, or the hash that is known of it; return why that can't be done."""
    if not secret:
        return "It has none. Make one here."
    if _HASH.match(secret):
        if client.needs_hmac_key:
            return "Its ID tokens are signed with it, but it is stored as a hash. Make one here."
        try:
            secrets.add_hashed(client, secret)
        except ValueError:
            return "It is stored as a hash that no hasher here reads. Make one here."
        return None
    shortest = max(secrets.MINIMUM_LENGTH, client.hmac_key_octets)
    if len(secret) < shortest:
        return f"It is shorter than {shortest} characters, so that it could be guessed. Make one."
    secrets.add_first(client, secret)
    return None
