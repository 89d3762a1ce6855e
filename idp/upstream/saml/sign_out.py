"""Sign out at a SAML identity provider where a session of ours began. SAML Profiles §4.4.4.

The request is signed (§4.4.3.1), so it takes a key of ours. Users come back with the answer to
`addresses.logout`.
"""

import json

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from lxml import etree

from accounts.upstream import journeys
from accounts.upstream.journeys import Asked, Errand
from accounts.upstream.model import Upstream, UpstreamSession
from accounts.upstream.refusals import UpstreamRefusedError
from idp.protocol.rules import upholds
from idp.upstream.saml import addresses, assertion, authn_request, documents, metadata, signing
from idp.upstream.saml.addresses import ASSERTION, PROTOCOL, SUCCESS

_BY_USER = "urn:oasis:names:tc:SAML:2.0:logout:user"


def is_possible(row: UpstreamSession) -> bool:
    """Whether its user can be sent there: it has an address for it, and we a key and the NameID."""
    try:
        provider, key = metadata.of(row.upstream), signing.key_of(row.upstream)
    except UpstreamRefusedError:
        return False
    return bool(provider.slo_url and key and row.id_token)


def send(request: HttpRequest, row: UpstreamSession, target: str) -> HttpResponse:
    """Send a browser there to sign out, and to a path of ours in the end.

    Raises UpstreamRefusedError, RateLimitExceededError.
    """
    provider, key = metadata.of(row.upstream), signing.key_of(row.upstream)
    if not provider.slo_url or key is None or not row.id_token:
        raise UpstreamRefusedError("The upstream has no SingleLogoutService, or we have no key.")
    request_id = authn_request.new_id()
    noted = {"session": row.session_id, "request_id": request_id}
    asked = Asked(next=target)
    state = journeys.begin(request, row.upstream, asked, Errand.SIGN_OUT, **noted)
    message = _request(row, provider.slo_url, request_id)
    return redirect(signing.address_with(provider.slo_url, "SAMLRequest", message, state, key))


@upholds("SAML Core §3.7.1")
def _request(row: UpstreamSession, destination: str, request_id: str) -> bytes:
    attributes = {
        "ID": request_id,
        "Version": "2.0",
        "IssueInstant": authn_request.instant(),
        "Destination": destination,
        "Reason": _BY_USER,
    }
    root = etree.Element(f"{{{PROTOCOL}}}LogoutRequest", attributes, authn_request.PREFIXES)
    etree.SubElement(root, f"{{{ASSERTION}}}Issuer").text = addresses.entity_id(row.upstream)
    said = json.loads(row.id_token)
    etree.SubElement(root, f"{{{ASSERTION}}}NameID", said["attributes"]).text = said["text"]
    if row.sid:
        etree.SubElement(root, f"{{{PROTOCOL}}}SessionIndex").text = row.sid
    return bytes(etree.tostring(root, encoding="UTF-8"))


@upholds("SAML Core §3.7.3.1")
def judge(upstream: Upstream, query: str, request_id: str) -> None:
    """Refuse what does not say that the user of this request is signed out there.

    Raises UpstreamRefusedError.
    """
    provider = metadata.of(upstream)
    message, _ = signing.carried(query, "SAMLResponse", provider.certificates)
    root = documents.parsed(message)
    if root.tag != f"{{{PROTOCOL}}}LogoutResponse" or root.get("InResponseTo") != request_id:
        raise UpstreamRefusedError("The message does not answer our request (InResponseTo).")
    assertion.is_by(root, provider.entity_id)
    if root.get("Destination") != addresses.logout(upstream):
        raise UpstreamRefusedError("The response is for another address (Destination).")
    codes = root.findall(f"{{{PROTOCOL}}}Status/{{{PROTOCOL}}}StatusCode")
    if [code.get("Value") for code in codes] != [SUCCESS]:
        raise UpstreamRefusedError("The user is not signed out there (StatusCode).")
