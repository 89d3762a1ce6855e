"""Metadata documents: the metadata of a client as JSON. RFC 7591 §2.

A document is reduced to what its client can be given (`reduction`) and read strictly, its members
are assigned to a client, and the client is then checked as everywhere (`clients.validation`).
Members that are not offered here are refused where the client would rely on them; unknown ones are
ignored, and so are those that only operators set.
"""

import re
import unicodedata
from collections.abc import Callable, Iterator
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import override

from idp import client_metadata, policy
from idp.client_metadata import BY_COLUMN, LOCALIZED, MEMBERS, REGISTERED, TEXT
from idp.clients import validation
from idp.models import Client
from idp.models.resource_server import open_scopes
from idp.protocol.errors import InvalidClientMetadata, InvalidRedirectUri, ProtocolError
from idp.protocol.parameters import Parameters
from idp.protocol.rules import upholds

Document = dict[str, Any]
Check = Callable[[Document], None]

#: Members that a client would rely on: another form of a response, a safeguard, a notification.
_NOT_OFFERED = (
    "backchannel_user_code_parameter",
    "introspection_encrypted_response_alg",
    "introspection_encrypted_response_enc",
    *(() if policy.CLIENT_CERTIFICATES else ("tls_client_certificate_bound_access_tokens",)),
)
#: Control characters, and halves of characters: no name has them, and no database takes them all.
_UNPRINTABLE = frozenset({"Cc", "Cs"})


@upholds("RFC 7591 §2")
def no_value_is_null(document: Document) -> None:
    """RFC 7591 §2: a member that is not meant is left out."""
    localized = filter(client_metadata.is_localized, document)
    for name in (*REGISTERED, *_NOT_OFFERED, *localized):
        if name in document and document[name] is None:
            raise InvalidClientMetadata(f"{name}: It is null; leave it out instead.")


@upholds("RFC 7591 §2")
def nothing_is_relied_on_that_is_not_offered(document: Document) -> None:
    """RFC 7591 §2: the client would believe in something that is not so."""
    for name in _NOT_OFFERED:
        if document.get(name, False) not in (False, "", []):
            raise InvalidClientMetadata(f"{name}: This is not offered here; leave it out.")


@upholds("RFC 7591 §2")
def choices_are_offered(document: Document) -> None:
    """RFC 7591 §2: an algorithm, method or type is one of those that discovery lists."""
    for member in MEMBERS:
        if member.type is not TEXT or not member.choices or member.operators_only:
            continue
        name, offered = member.name, member.choices
        if name == "token_endpoint_auth_method":
            offered = policy.OFFERED_AUTHENTICATION_METHODS  # the others can't succeed
        if name in document and document[name] not in offered:
            came, words = document[name], ", ".join(offered)
            raise InvalidClientMetadata(f"{name}: Choose of {words}; {came!r} is not offered here.")


@upholds("RFC 7591 §2")
def texts_can_be_kept(document: Document) -> None:
    """RFC 7591 §2: names and addresses are text that can be displayed and stored."""
    for name in (*REGISTERED, *filter(client_metadata.is_localized, document)):
        for text in _texts_in(document.get(name)):
            if not _UNPRINTABLE.isdisjoint(map(_category, text)):
                raise InvalidClientMetadata(f"{name}: It contains a control character.")


@upholds("OIDC Dynamic Client Registration §2")
def tokens_are_not_sent_to_localhost(document: Document) -> None:
    """OIDC Dynamic Client Registration §2: a website with implicit is not on localhost."""
    grant_types, uris = document.get("grant_types"), document.get("redirect_uris")
    implicit = isinstance(grant_types, list) and "implicit" in grant_types
    if not (implicit and isinstance(uris, list) and document.get("application_type") != "native"):
        return
    for uri in uris:
        if isinstance(uri, str) and re.match("https?://localhost([:/?]|$)", uri, re.IGNORECASE):
            raise InvalidRedirectUri(
                "redirect_uris: A website with implicit cannot be on localhost; a native app can."
            )


CHECKS: tuple[Check, ...] = (
    no_value_is_null,
    nothing_is_relied_on_that_is_not_offered,
    choices_are_offered,
    texts_can_be_kept,
    tokens_are_not_sent_to_localhost,
)


def read(document: Document) -> Document:
    """Return the members that are to be registered. Raises the first problem's ProtocolError."""
    for satisfied in CHECKS:
        satisfied(document)
    names = (*REGISTERED, *filter(client_metadata.is_localized, document))
    return {name: document[name] for name in names if name in document}


@upholds("RFC 7591 §2")
def assign(client: Client, registered: Document) -> None:
    """Assign registered metadata and defaults to a client; the operator's settings stay.

    Claims of scopes are in its ID tokens only if it registers that. Raises InvalidRedirectUri or
    InvalidClientMetadata. RFC 7591 §2; the client isn't saved.
    """
    registered = {"id_token_claims": Client.IdTokenClaims.USERINFO.value, **registered}
    values = client_metadata.values_of(client)
    policies = {member.name: values[member.name] for member in MEMBERS if member.operators_only}
    try:
        client_metadata.assign(client, {**policies, **registered})
    except TypeError as problem:
        raise InvalidClientMetadata(f"{problem}.") from None
    client.grant_types = list(dict.fromkeys(client.grant_types))


@upholds("RFC 7591 §2")
def metadata_is_valid(client: Client) -> None:
    """RFC 7591 §2: redirect URIs, grants and response types fit each other and are offered."""
    problem = _problem(lambda: validation.check_whole(client))
    if problem is not None:
        raise problem


@upholds("OIDC Dynamic Client Registration §5")
def remote_metadata_is_valid(client: Client) -> None:
    """OIDC Dynamic Client Registration §5: its sector identifier document lists its redirect URIs.

    Fetches it, so call it outside of transactions, and after `metadata_is_valid`.
    """
    problem = _problem(lambda: validation.check_remotely(client))
    if problem is not None:
        raise problem


def _problem(check: Callable[[], None]) -> ProtocolError | None:
    """Return the first ValidationError of a check as a protocol error; None if it passes."""
    with override(settings.LANGUAGE_CODE):  # one language for all developers
        try:
            check()
        except ValidationError as error:
            column, problems = next(iter(error.message_dict.items()))
        else:
            return None
    if column == LOCALIZED and "#" in problems[0]:  # it begins with the member
        return InvalidClientMetadata(problems[0])
    name = BY_COLUMN[column].name if column in BY_COLUMN else column
    kind = InvalidRedirectUri if name == "redirect_uris" else InvalidClientMetadata
    return kind(f"{name}: {problems[0]}")


def registered_by(client: Client) -> Document:
    """Return all that is registered for a client, defaults filled in. RFC 7591 §3.2.1."""
    values = client_metadata.values_of(client)
    members = {name: values[name] for name in REGISTERED}
    members["scope"] = " ".join(_scopes_of(client))
    always = {name: members[name] for name in ("grant_types", "response_types")}
    given = {name: value for name, value in members.items() if value not in (None, "", [])}
    return {**given, **client.localized, **always}


def event_parameters(document: Document) -> Parameters:
    """Return a document's members for an event; of values that are no texts, the type alone."""
    return Parameters({name: _words(value) for name, value in document.items()})


def _scopes_of(client: Client) -> Iterator[str]:
    allowed = client.allowed_scopes
    if client.open_scopes:
        allowed |= open_scopes().intersection(client.open_scopes)
    return (scope for scope in client.scopes or policy.STANDARD_SCOPES if scope in allowed)


def _words(value: Any) -> str:
    texts = value if isinstance(value, list) else [value]
    readable = all(isinstance(text, str) and text.isprintable() for text in texts)
    return " ".join(texts) if readable else f"({type(value).__name__})"


def _texts_in(value: Any) -> Iterator[str]:
    """Return each text in a value, members' names among them, however deep."""
    values = [value]
    while values:
        value = values.pop()
        if isinstance(value, str):
            yield value
        elif isinstance(value, list):
            values.extend(value)
        elif isinstance(value, dict):
            values.extend((*value, *value.values()))


def _category(character: str) -> str:
    return unicodedata.category(character)
