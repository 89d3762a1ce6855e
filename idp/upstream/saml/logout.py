"""Sessions that a SAML identity provider ends: Single Logout by redirect. SAML Profiles §4.4.

Its request comes by the user's browser. The signature alone says what it ends: a session of ours
need not be in that browser.
"""

from datetime import datetime, timedelta
from typing import Any

from django.db.models import Q, QuerySet
from lxml import etree

from accounts.models import Session
from accounts.sessions import Ending, end_sessions
from accounts.upstream import answers, sign_outs
from accounts.upstream.model import Upstream
from accounts.upstream.refusals import UpstreamRefusedError
from idp.jose.received_jwts import LEEWAY
from idp.protocol.rules import upholds
from idp.upstream.saml import (
    addresses,
    assertion,
    authn_request,
    declared,
    documents,
    metadata,
    signing,
)
from idp.upstream.saml.addresses import ASSERTION, NAME_IDS, PROTOCOL, SUCCESS
from idp.upstream.saml.metadata import Provider

#: How old a request may be; it is known for longer (`answers.KNOWN_FOR`).
_LONGEST_LIFE = timedelta(minutes=10)
_MOST_SESSIONS = 100


def obey(upstream: Upstream, query: str, now: datetime) -> str:
    """End the sessions that a request names; return where the browser goes with the answer.

    Raises UpstreamRefusedError, and StaleError for a request that came before.
    """
    provider, key = metadata.of(upstream), signing.key_of(upstream)
    if not provider.slo_response_url:
        raise UpstreamRefusedError("The upstream has no address for answers (SingleLogoutService).")
    message, relay_state = signing.carried(query, "SAMLRequest", provider.certificates)
    root = documents.parsed(message)
    issued_at = _is_ours(upstream, provider, root, now)
    subject, indexes = _named_by(upstream, root)
    answers.use_once(upstream, root.get("ID"), now)
    named = _sessions(upstream, subject, indexes, issued_at)
    end_sessions(named, Ending.SIGNED_OUT_UPSTREAM)
    meant: list[str | None] = [*indexes] or [None]
    for index in meant:
        sign_outs.note(upstream, subject, index, min(now, issued_at + LEEWAY))
    response = _response(upstream, provider, root.get("ID"))
    return signing.address_with(
        provider.slo_response_url, "SAMLResponse", response, relay_state, key
    )


@upholds("SAML Core §3.7.3.2")
def _is_ours(upstream: Upstream, provider: Provider, root: Any, now: datetime) -> datetime:
    """Refuse a request of others, for others, or of another time; return when it was issued."""
    if root.tag != f"{{{PROTOCOL}}}LogoutRequest" or not root.get("ID"):
        raise UpstreamRefusedError("The message is not a LogoutRequest with an ID.")
    assertion.is_by(root, provider.entity_id)
    if root.get("Destination") != addresses.logout(upstream):
        raise UpstreamRefusedError("The request is for another address (Destination).")
    issued_at = assertion.time_of(root, "IssueInstant")
    until = assertion.time_of(root, "NotOnOrAfter")
    if issued_at is None or not now - _LONGEST_LIFE < issued_at <= now + LEEWAY:
        raise UpstreamRefusedError("The request is not of this time (IssueInstant).")
    if until is not None and until + LEEWAY <= now:
        raise UpstreamRefusedError("The request has expired (NotOnOrAfter).")
    return issued_at


@upholds("SAML Core §3.7.1")
def _named_by(upstream: Upstream, root: Any) -> tuple[str | None, list[str]]:
    """Return the subject that it names, if we know users by it, and their sessions there, or none.

    Raises UpstreamRefusedError.
    """
    name_id = assertion.only(root, "NameID")
    indexes = [
        assertion.text_of(each) for each in root.iterchildren(f"{{{PROTOCOL}}}SessionIndex")
    ][:_MOST_SESSIONS]
    said = declared.of(upstream)
    if said.subject_attribute:  # whose NameID is not known here
        if not indexes:
            raise UpstreamRefusedError("The request names no session (SessionIndex).")
        return None, indexes
    if name_id.get("Format", addresses.UNSPECIFIED) != NAME_IDS[said.name_id]:
        raise UpstreamRefusedError(f"The format of the NameID is not {said.name_id}.")
    return assertion.text_of(name_id), indexes


def _sessions(
    upstream: Upstream, subject: str | None, indexes: list[str], issued_at: datetime
) -> QuerySet[Session]:
    """Return the sessions that are meant and that are older than the request."""
    named = Q(at_upstream__upstream=upstream, created_at__lte=issued_at + LEEWAY, ended_at=None)
    if subject is not None:
        named &= Q(at_upstream__subject=subject)
    if indexes:
        # One whose assertion named no session may be any of the user's.
        unnamed = Q() if subject is None else Q(at_upstream__sid="")
        named &= Q(at_upstream__sid__in=indexes) | unnamed
    return Session.objects.filter(named).select_related("user")


@upholds("SAML Core §3.7.2")
def _response(upstream: Upstream, provider: Provider, request_id: str) -> bytes:
    root = etree.Element(
        f"{{{PROTOCOL}}}LogoutResponse",
        {
            "ID": authn_request.new_id(),
            "Version": "2.0",
            "IssueInstant": authn_request.instant(),
            "Destination": provider.slo_response_url,
            "InResponseTo": request_id,
        },
        authn_request.PREFIXES,
    )
    etree.SubElement(root, f"{{{ASSERTION}}}Issuer").text = addresses.entity_id(upstream)
    status = etree.SubElement(root, f"{{{PROTOCOL}}}Status")
    etree.SubElement(status, f"{{{PROTOCOL}}}StatusCode", {"Value": SUCCESS})
    return bytes(etree.tostring(root, encoding="UTF-8"))
