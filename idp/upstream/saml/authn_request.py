"""Send a browser to a SAML identity provider. SAML Core §3.4.1, SAML Profiles §4.1.4.1."""

import secrets
from collections.abc import Iterator

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from lxml import etree

from accounts.levels import LEVELS, reaches
from accounts.upstream import journeys
from accounts.upstream.journeys import Asked
from accounts.upstream.model import Upstream
from idp.protocol.rules import upholds
from idp.upstream.saml import addresses, declared, metadata, signing
from idp.upstream.saml.addresses import ASSERTION, NAME_IDS, POST, PROTOCOL
from idp.upstream.saml.metadata import Provider

#: As documents are written: SAML's own prefixes.
PREFIXES = {"samlp": PROTOCOL, "saml": ASSERTION}
_MOST_CONTEXTS = 20


def send(request: HttpRequest, upstream: Upstream, asked: Asked) -> HttpResponse:
    """Redirect the browser to the upstream. Raises UpstreamRefusedError."""
    provider, key = metadata.of(upstream), signing.key_of(upstream)
    request_id = new_id()
    state = journeys.begin(request, upstream, asked, request_id=request_id)
    message = _message(upstream, provider, asked, request_id)
    return redirect(signing.address_with(provider.sso_url, "SAMLRequest", message, state, key))


def new_id() -> str:
    """Return an ID of a message, which can't be guessed. SAML Core §1.3.4."""
    return f"_{secrets.token_hex(20)}"


def instant() -> str:
    """Return this moment as SAML writes it. SAML Core §1.3.3."""
    return timezone.now().strftime("%Y-%m-%dT%H:%M:%SZ")


@upholds("SAML Core §3.4.1")
def _message(upstream: Upstream, provider: Provider, asked: Asked, request_id: str) -> bytes:
    attributes = {
        "ID": request_id,
        "Version": "2.0",
        "IssueInstant": instant(),
        "Destination": provider.sso_url,
        "ProtocolBinding": POST,
        "AssertionConsumerServiceURL": addresses.consumer(upstream),
    }
    if asked.wants_new_sign_in:  # SAML has no max_age.
        attributes["ForceAuthn"] = "true"
    root = etree.Element(f"{{{PROTOCOL}}}AuthnRequest", attributes, PREFIXES)
    etree.SubElement(root, f"{{{ASSERTION}}}Issuer").text = addresses.entity_id(upstream)
    said = declared.of(upstream)
    policy = {"AllowCreate": "true"}
    if not said.subject_attribute:
        policy["Format"] = NAME_IDS[said.name_id]
    etree.SubElement(root, f"{{{PROTOCOL}}}NameIDPolicy", policy)
    contexts = list(dict.fromkeys(_contexts(upstream, asked)))[:_MOST_CONTEXTS]
    if contexts:
        wanted = f"{{{PROTOCOL}}}RequestedAuthnContext"
        element = etree.SubElement(root, wanted, {"Comparison": "exact"})
        for context in contexts:
            etree.SubElement(element, f"{{{ASSERTION}}}AuthnContextClassRef").text = context
    return bytes(etree.tostring(root, encoding="UTF-8"))


def _contexts(upstream: Upstream, asked: Asked) -> Iterator[str]:
    """Yield the classes of contexts that are declared for what an app asks for (`acr_values`).

    Others are not asked for: a provider that does not know one refuses the sign-in.
    """
    table = upstream.levels.get("acr", {}) if isinstance(upstream.levels, dict) else {}
    for wanted in asked.parameters.get("acr_values", "").split():
        if wanted in LEVELS:
            yield from (context for context, level in table.items() if reaches(level, wanted))
        elif wanted in table:
            yield wanted
