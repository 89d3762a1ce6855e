"""What a SAML identity provider says of itself: its metadata. SAML Metadata §2.4."""

import time
from collections.abc import Iterator
from dataclasses import astuple, dataclass
from datetime import UTC, datetime
from typing import Any

import structlog
from django.core.cache import cache
from django.utils import timezone
from django.utils.translation import gettext_noop as _

from accounts.upstream.model import Upstream
from accounts.upstream.refusals import UnreachableError, UpstreamRefusedError
from foundation.statements import hash_of
from idp import fetching, outbound
from idp.protocol.errors import TemporarilyUnavailable
from idp.protocol.rules import upholds
from idp.upstream.discovery import party_of
from idp.upstream.saml import declared, documents
from idp.upstream.saml.addresses import DSIG, METADATA, PROTOCOL, REDIRECT

log = structlog.get_logger(__name__)
#: Seconds for which metadata is believed without another look …
_FRESH_FOR = 600
#: … or stays in use while it can't be fetched.
_USED_FOR = 24 * 3600
_CONTENT_TYPES = ("application/samlmetadata+xml", "application/xml", "text/xml")
_MOST_CERTIFICATES = 20


@dataclass(frozen=True)
class Provider:
    """The parts of its metadata that sign-ins need."""

    entity_id: str
    sso_url: str
    #: Where requests to sign out go; empty if it has no such address.
    slo_url: str
    #: In base64; each is of a key that may sign.
    certificates: tuple[str, ...]
    wants_signed_requests: bool = False
    #: Where responses to its own requests to sign out go.
    slo_response_url: str = ""


def of(upstream: Upstream) -> Provider:
    """Return what is known of an upstream: declared, or from the cache, or fetched.

    Old metadata stays in use while no other can be had. Raises UnreachableError, and
    UpstreamRefusedError for pasted metadata that can't be used.
    """
    said = declared.of(upstream)
    if not said.metadata_url:
        return stated(upstream)
    key = f"saml-provider:{hash_of(f'{said.metadata_url} {upstream.issuer}')}"
    at, known = cache.get(key, (0.0, None))
    if known is not None and at > time.time() - _FRESH_FOR:
        return Provider(*known)
    try:
        found = fetched(upstream)
    except UnreachableError as problem:
        if known is None:
            raise
        log.warning("saml_metadata_not_fetched", upstream=upstream.slug, reason=str(problem))
        return Provider(*known)
    cache.set(key, (time.time(), astuple(found)), _USED_FOR)
    return found


def stated(upstream: Upstream) -> Provider:
    """Return what an operator has entered or pasted. Raises UpstreamRefusedError."""
    said = declared.of(upstream)
    if said.metadata:
        return read(said.metadata.encode(), upstream.issuer, timezone.now())
    slo = said.slo_url
    return Provider(upstream.issuer, said.sso_url, slo, said.certificates, slo_response_url=slo)


def fetched(upstream: Upstream) -> Provider:
    """Fetch the metadata of an upstream. Raises UnreachableError, also if it can't be used."""
    address = declared.of(upstream).metadata_url
    party = party_of(upstream, "metadata")
    try:
        answer = fetching.ask(address, _CONTENT_TYPES, party, most=documents.LARGEST)
        return read(answer.body, upstream.issuer, timezone.now())
    except (outbound.OutboundError, TemporarilyUnavailable, UpstreamRefusedError) as problem:
        raise UnreachableError(str(problem)) from None


def entity_ids(document: bytes) -> list[str]:
    """Return whom metadata is about. Raises UpstreamRefusedError."""
    root = documents.parsed_metadata(document)
    return [entity.get("entityID", "") for entity in root.iter(f"{{{METADATA}}}EntityDescriptor")]


@upholds("SAML Metadata §2.4.3")
def read(document: bytes, entity_id: str, now: datetime) -> Provider:
    """Return what metadata says of the provider with this entity ID. Raises UpstreamRefusedError.

    Its own signature is not judged: it came over TLS, or from the operator.
    """
    root = documents.parsed_metadata(document)
    entities = root.iter(f"{{{METADATA}}}EntityDescriptor")
    entity = next((each for each in entities if each.get("entityID") == entity_id), None)
    if entity is None:
        raise UpstreamRefusedError(_("The metadata is about another entity ID."))
    for element in (root, entity):
        _is_valid_still(element, now)
    roles = [
        role
        for role in entity.iterchildren(f"{{{METADATA}}}IDPSSODescriptor")
        if PROTOCOL in role.get("protocolSupportEnumeration", "").split()
    ]
    if len(roles) != 1:
        raise UpstreamRefusedError(_("The metadata is not that of a SAML 2.0 identity provider."))
    return _read(roles[0], entity_id)


def _read(role: Any, entity_id: str) -> Provider:
    sso, _response = _endpoint(role, "SingleSignOnService")
    if not sso:
        raise UpstreamRefusedError(_("The metadata has no usable address for HTTP-Redirect."))
    certificates = tuple(_certificates(role))
    if not certificates:
        raise UpstreamRefusedError(_("The metadata has no certificate that we can use."))
    slo, slo_response = _endpoint(role, "SingleLogoutService")
    wants = role.get("WantAuthnRequestsSigned") in {"true", "1"}
    return Provider(entity_id, sso, slo, certificates, wants, slo_response or slo)


def _endpoint(role: Any, name: str) -> tuple[str, str]:
    """Return the address for requests by redirect, and the one for responses, if it differs."""
    for element in role.iterchildren(f"{{{METADATA}}}{name}"):
        location, response = element.get("Location", ""), element.get("ResponseLocation", "")
        if element.get("Binding") == REDIRECT and not outbound.problem_with(location):
            is_usable = response and not outbound.problem_with(response)
            return location, response if is_usable else ""
    return "", ""


def _certificates(role: Any) -> Iterator[str]:
    found = 0
    for key in role.iterchildren(f"{{{METADATA}}}KeyDescriptor"):
        if key.get("use", "signing") != "signing":
            continue
        for element in key.iter(f"{{{DSIG}}}X509Certificate"):
            certificate = declared.bare(element.text or "")
            if (
                declared.problem_with_certificate(certificate) is None
                and found < _MOST_CERTIFICATES
            ):
                found += 1
                yield certificate


def _is_valid_still(element: Any, now: datetime) -> None:
    until = element.get("validUntil")
    if until is None:
        return
    try:
        at = datetime.fromisoformat(until)
    except ValueError:
        raise UpstreamRefusedError(_("The metadata has a validUntil that is no time.")) from None
    if (at if at.tzinfo else at.replace(tzinfo=UTC)) <= now:
        raise UpstreamRefusedError(_("The metadata has expired (validUntil)."))
