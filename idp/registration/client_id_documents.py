"""Clients that are described by the document at their client_id.

OAuth Client ID Metadata Document §3 to §5 (draft-ietf-oauth-client-id-metadata-document-02). A
document creates a client's row, as a registration does, and is fetched again when it may have
changed. Only the authorization endpoint fetches it: all others use the row.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.message import Message
from typing import Any
from urllib.parse import unquote, urlsplit

import structlog
from django.db import IntegrityError, transaction

from idp import fetching, outbound, policy
from idp.clients import logos
from idp.models import Client
from idp.protocol import addresses, json_objects
from idp.protocol.errors import (
    InvalidClientMetadata,
    InvalidRequest,
    ProtocolError,
    TemporarilyUnavailable,
    UnknownClient,
    UnusableClientDocument,
)
from idp.protocol.rules import upholds
from idp.registration import documents, lifecycle, rate_limit, software_statements
from idp.registration.policies import Permit
from idp.registration.reduction import reduced, with_application_type

log = structlog.get_logger(__name__)
#: Seconds between two fetches of an unreachable document, and the maximum time of one.
FLOOR = timedelta(minutes=1)
#: Characters of a client_id that is an address.
LONGEST = 255
_CONTENT_TYPES = ("application/json", "application/*+json")
_SECRETS = ("client_secret", "client_secret_expires_at")
#: What a client may be by its document; the operator decides its scopes.
_PERMIT = Permit(
    grant_types=frozenset(policy.REGISTRATION_GRANT_TYPES) - policy.LEGACY_GRANT_TYPES,
    response_types=frozenset({"code"}),
    scopes=frozenset(),
)


@dataclass(frozen=True)
class News:
    """A client that its document has created or changed, with the changes; None if it is new."""

    client: Client
    changes: dict[str, tuple[Any, Any]] | None


def may_be_at(client_id: str) -> bool:
    """Whether there may be a document at a client_id. OAuth Client ID Metadata Document §3."""
    return client_id.startswith("https://")


def look(client_id: str, visitor: str, now: datetime) -> News | None:
    """Create or update a client from the document at its client_id; return the changes.

    Clients that an operator registered are not changed. `visitor` is the key of rate limits. Raises
    UnusableClientDocument, UnknownClient if documents are disabled, TooManyRegistrations, and
    TemporarilyUnavailable if nothing can be fetched now.
    """
    client = Client.objects.filter(client_id=client_id).first()
    if client is None:
        _is_welcome(client_id)
        rate_limit.count(visitor)
        return _introduced(client_id, now)
    if client.registration_source != Client.RegistrationSource.CIMD or not client.enabled:
        return None
    _is_welcome(client_id)
    if client.cimd_expires_at > now and _is_believed(client, now):
        return None
    rate_limit.count(visitor)
    return _renewed(client, now)


@upholds("OAuth Client ID Metadata Document §3")
def _is_welcome(client_id: str) -> None:
    """OAuth Client ID Metadata Document §3, §8.9: allowed by the operator, and a valid address."""
    if policy.CLIENT_ID_METADATA != "open":
        raise UnknownClient("No client of the operator has this client_id.")
    flaw = _flaw_of(client_id)
    if flaw is not None:
        raise UnusableClientDocument(f"The client_id is no address of a document: {flaw}")
    hosts = policy.CLIENT_ID_METADATA_HOSTS
    if hosts and urlsplit(client_id).hostname not in hosts:
        raise UnknownClient("Documents of clients are not taken from the host of this client_id.")


def _flaw_of(client_id: str) -> str | None:
    """Return why an address is invalid, or None. OAuth Client ID Metadata Document §3."""
    if len(client_id) > LONGEST:
        return f"It is longer than {LONGEST} characters."
    if not addresses.is_on_the_web(client_id, {"https"}):
        return "It is not an https address of printable ASCII characters."
    if "#" in client_id:
        return "It has a fragment."
    flaw = outbound.problem_with(client_id)
    if flaw is not None:
        return flaw
    path = urlsplit(client_id).path
    if not path:
        return "It has no path."
    if not {".", ".."}.isdisjoint(map(unquote, path.split("/"))):
        return "Its path has . or .. in it."
    return None


@upholds("OAuth Client ID Metadata Document §3")
def _introduced(client_id: str, now: datetime) -> News | None:
    """Make the client of a document, unless another visit is faster."""
    client = Client(
        client_id=client_id,
        registration_source=Client.RegistrationSource.CIMD,
        profile=Client.Profile.RECOMMENDED,
    )
    try:
        _read(client, now)
    except TemporarilyUnavailable:
        raise
    except (outbound.OutboundError, ProtocolError) as problem:
        raise _unusable(problem) from None
    try:
        with transaction.atomic():
            client.save()
            logos.plan(client, now)
    except IntegrityError:
        return None
    return News(client, None)


@upholds("OAuth Client ID Metadata Document §5.1")
def _renewed(client: Client, now: datetime) -> News | None:
    """Update a client if its document has changed. OAuth Client ID Metadata Document §5.1, §5.2.

    One of many concurrent visits fetches. While the server is unreachable, the client stays as it
    was; another response of the server ends that.
    """
    row = Client.objects.filter(pk=client.pk)
    believed = _is_believed(client, now)
    is_ours = row.filter(cimd_expires_at=client.cimd_expires_at).update(cimd_expires_at=now + FLOOR)
    if believed and not is_ours:
        return None
    before = lifecycle.event_details_of(client)
    try:
        _read(client, now)
    except TemporarilyUnavailable:
        if believed:
            return None
        row.update(cimd_expires_at=now)
        raise
    except (outbound.OutboundError, ProtocolError) as problem:
        log.warning("client_document_not_used", client_id=client.client_id, reason=str(problem))
        is_its_word = isinstance(problem, outbound.UnwantedAnswerError | ProtocolError)
        if believed and not is_its_word:
            return None
        row.update(cimd_expires_at=now)
        raise _unusable(problem) from None
    changes = lifecycle.changes_of(client, before)
    if not changes:
        row.update(cimd_expires_at=client.cimd_expires_at, document_fetched_at=now)
        return None
    with transaction.atomic():
        # An operator may have disabled it since: then the next visit checks.
        if not row.select_for_update().filter(version=client.version, enabled=True):
            return None
        client.save()
        logos.plan(client, now)
    return News(client, changes)


def _is_believed(client: Client, now: datetime) -> bool:
    fetched_at = client.document_fetched_at
    return fetched_at is not None and fetched_at + policy.CLIENT_DOCUMENT_BELIEVED_FOR > now


def _unusable(problem: Exception) -> UnusableClientDocument:
    return UnusableClientDocument(f"The document at the client_id can't be used. {problem}")


def _read(client: Client, now: datetime) -> None:
    """Fetch a client's document and return the client it describes, not saved.

    Call it outside of transactions. Raises OutboundError, TemporarilyUnavailable, and the errors of
    a registration.
    """
    answer = fetching.ask(client.client_id, _CONTENT_TYPES, fetching.party_of(client))
    _describe(client, _parsed(answer.body), now)
    client.document_fetched_at = now
    client.cimd_expires_at = now + _lifetime(answer.headers)


@upholds("OAuth Client ID Metadata Document §3")
def _parsed(body: bytes) -> dict[str, Any]:
    try:
        return json_objects.parse(body.decode(), "It")
    except UnicodeDecodeError:
        raise InvalidRequest("It is not UTF-8.") from None


@upholds("OAuth Client ID Metadata Document §4")
def _describe(client: Client, document: Mapping[str, Any], now: datetime) -> None:
    """OAuth Client ID Metadata Document §4, §4.1: about this client, and without a secret."""
    if document.get("client_id") != client.client_id:
        raise InvalidClientMetadata("client_id: It is not the address that the document is at.")
    secret = next((name for name in _SECRETS if name in document), None)
    if secret is not None:
        raise InvalidClientMetadata(f"{secret}: A document that all can read has no secret.")
    members, client.software_statement = software_statements.joined(
        document, now, accepted=client.software_statement
    )
    scopes, details_types = client.scopes, client.authorization_details_types
    documents.assign(client, documents.read(_for_us(members)))
    # The operator decides these here.
    client.scopes, client.authorization_details_types = scopes, details_types
    if client.needs_secret:
        raise InvalidClientMetadata(
            "token_endpoint_auth_method: There is no secret that it, or an algorithm, could use."
        )
    documents.metadata_is_valid(client)
    documents.remote_metadata_is_valid(client)


def _for_us(members: Mapping[str, Any]) -> dict[str, Any]:
    """Return the document's metadata for us: many providers read it, and offer different values.

    RFC 7591 §2: the provider chooses omitted values. A client without an authentication method is
    public then.
    """
    said = {name: value for name, value in members.items() if name != "scope"}
    said.setdefault("token_endpoint_auth_method", "none")
    return with_application_type(reduced(said, _PERMIT))


def _lifetime(headers: Message) -> timedelta:
    """Return for how long a document holds. RFC 9111 §4.2.1, §5.2.2, within the policy's bounds."""
    directives = {}
    for directive in ",".join(headers.get_all("Cache-Control", [])).lower().split(","):
        name, _, value = directive.strip().partition("=")
        directives[name] = value.strip('"')
    least, most = policy.CLIENT_DOCUMENT_FRESH_AT_LEAST, policy.CLIENT_DOCUMENT_FRESH_AT_MOST
    if not {"no-store", "no-cache"}.isdisjoint(directives):
        return least
    seconds = _seconds(directives.get("max-age")) - _seconds(headers.get("Age"))
    return min(max(timedelta(seconds=seconds), least), most)


def _seconds(text: str | None) -> int:
    return int(text) if text and text.isascii() and text.isdigit() and len(text) < 10 else 0
