"""Judge the response of a SAML identity provider, wholly. SAML Profiles §4.1.4.3.

python3-saml judges schema, signature, status and conditions. It compares some values by their
beginning only and takes what it does not find for fine, so what binds a response to us is compared
here once more.
"""

from base64 import b64decode, b64encode
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from onelogin.saml2.errors import OneLogin_Saml2_Error, OneLogin_Saml2_ValidationError
from onelogin.saml2.response import OneLogin_Saml2_Response
from onelogin.saml2.settings import OneLogin_Saml2_Settings
from onelogin.saml2.utils import OneLogin_Saml2_Utils

from accounts.upstream.identity import LONGEST_SUBJECT, Identity
from accounts.upstream.journeys import Journey
from accounts.upstream.model import Upstream
from accounts.upstream.refusals import (
    CancelledError,
    StaleError,
    UnsolicitedError,
    UpstreamRefusedError,
)
from idp.jose.received_jwts import LEEWAY
from idp.protocol.errors import printable
from idp.protocol.rules import upholds
from idp.upstream import id_token
from idp.upstream.saml import addresses, assertion, declared, documents, encryption, metadata
from idp.upstream.saml.addresses import ASSERTION, POST, PROTOCOL, REDIRECT
from idp.upstream.saml.metadata import Provider

#: What a provider answers if its own page, or its user, ended the sign-in. SAML Core §3.2.2.2.
_BY_USER = frozenset({"AuthnFailed", "NoAuthnContext", "NoPassive", "RequestDenied"})
_STATUS = "urn:oasis:names:tc:SAML:2.0:status:"
#: Characters of a response in base64, with its lines.
_LONGEST = documents.LARGEST * 3 // 2


@dataclass(frozen=True)
class Answer:
    """A response that was judged; whether its browser has asked for it is still open."""

    #: The assertion's own id, and that of the request that it answers.
    message_id: str
    request_id: str
    subject: str
    claims: dict[str, Any]
    acr: str
    #: Seconds since 1970.
    authenticated_at: float
    session_id: str
    #: In JSON, to sign out there (`assertion.name_id_of`).
    name_id: str = ""


class _Response(OneLogin_Saml2_Response):  # type: ignore[misc]
    """A response whose assertion, if it is encrypted, `encryption` has opened."""

    def __init__(self, settings: Any, encoded: str, opened: Any) -> None:
        self._opened = opened
        super().__init__(settings, encoded)

    def _decrypt_assertion(self, xml: Any) -> Any:  # noqa: ARG002
        return self._opened


def judged(upstream: Upstream, encoded: str, now: datetime) -> Answer:
    """Return what a response says, as it came in a form. Raises UpstreamRefusedError."""
    document = _decoded(encoded)
    root = documents.parsed(document)
    _is_success(root)
    request_id = root.get("InResponseTo")
    if not request_id:
        raise UnsolicitedError("The response answers no request (InResponseTo).")
    provider = metadata.of(upstream)
    sealed = documents.encrypted_of(root)
    opened = None if sealed is None else encryption.opened(upstream, root, sealed, now)
    documents.assertion_of(root if opened is None else opened)
    verified = _verified(upstream, provider, document, request_id, opened)
    _is_ours(upstream, provider, verified, request_id, now)
    return _answer(upstream, assertion.only(verified, "Assertion"), request_id, now)


def identity(upstream: Upstream, answer: Answer, journey: Journey, now: datetime) -> Identity:
    """Return whom an answer is about, if they authenticated as lately as they were to.

    Raises UpstreamRefusedError.
    """
    asked, began = journey.asked.parameters.get("max_age"), journey.began_at
    at = id_token.authenticated_at(
        {"auth_time": answer.authenticated_at},
        None if asked is None else int(asked),
        datetime.fromtimestamp(began, UTC),
        now,
    )
    try:
        return Identity(
            upstream=upstream,
            subject=answer.subject,
            claims=answer.claims,
            acr=answer.acr,
            authenticated_at=at,
            session_id=answer.session_id,
            id_token=answer.name_id,
        )
    except ValueError as problem:
        raise UpstreamRefusedError(str(problem)) from None


def _decoded(encoded: str) -> bytes:
    try:
        if len(encoded) > _LONGEST:
            raise StaleError("The form has too long a response.")
        return b64decode("".join(encoded.split()), validate=True)
    except ValueError:
        raise StaleError("The form has no response in base64.") from None


def _is_success(root: Any) -> None:
    codes = [
        each.get("Value", "").removeprefix(_STATUS)
        for status in root.iterchildren(f"{{{PROTOCOL}}}Status")
        for each in status.iter(f"{{{PROTOCOL}}}StatusCode")
    ]
    if codes[:1] == ["Success"]:
        return
    said = f"The upstream answered with {printable(', '.join(codes))[:200]!r}."
    raise (CancelledError if _BY_USER & set(codes) else UpstreamRefusedError)(said)


@upholds("SAML Profiles §4.1.4.3")
def _verified(
    upstream: Upstream, provider: Provider, document: bytes, request_id: str, opened: Any
) -> Any:
    """Return the response as python3-saml has judged it. Raises UpstreamRefusedError.

    `opened` is the response without encryption, if it had some: its assertion's signature is judged
    there, and its own on the document.
    """
    address = addresses.consumer(upstream)
    scheme, _, rest = address.partition("://")
    host, _, path = rest.partition("/")
    asked = {
        "https": "on" if scheme == "https" else "off",
        "http_host": host,
        "script_name": f"/{path}",
    }
    try:
        settings = OneLogin_Saml2_Settings(_settings(upstream, provider))
        response = _Response(settings, b64encode(document).decode(), opened)
        response.is_valid(asked, request_id, raise_exceptions=True)
    except (OneLogin_Saml2_Error, OneLogin_Saml2_ValidationError) as problem:
        raise UpstreamRefusedError(f"{printable(str(problem))[:300]}") from None
    return response.get_xml_document()


def _settings(upstream: Upstream, provider: Provider) -> dict[str, Any]:
    certificates = [OneLogin_Saml2_Utils.format_cert(each) for each in provider.certificates]
    return {
        "strict": True,
        "debug": False,
        "sp": {
            "entityId": addresses.entity_id(upstream),
            "assertionConsumerService": {"url": addresses.consumer(upstream), "binding": POST},
        },
        "idp": {
            "entityId": provider.entity_id,
            "singleSignOnService": {"url": provider.sso_url, "binding": REDIRECT},
            "x509certMulti": {"signing": certificates, "encryption": certificates[:1]},
        },
        "security": {
            "rejectDeprecatedAlgorithm": True,
            "wantAttributeStatement": False,
            "wantNameId": False,
            "requestedAuthnContext": False,
            "allowSingleLabelDomains": True,
        },
    }


@upholds("SAML Profiles §4.1.4.3")
def _is_ours(
    upstream: Upstream, provider: Provider, root: Any, request_id: str, now: datetime
) -> None:
    """Refuse a response of others, for others, at another time, or to another request."""
    said = assertion.only(root, "Assertion")
    consumer = addresses.consumer(upstream)
    is_signed_whole = any(True for _ in root.iterchildren("{*}Signature"))
    if root.get("Destination") not in ((consumer,) if is_signed_whole else (consumer, None)):
        raise UpstreamRefusedError("The response is for another address (Destination).")
    if any(True for _ in root.iterchildren(f"{{{ASSERTION}}}Issuer")):
        assertion.is_by(root, provider.entity_id)
    assertion.is_by(said, provider.entity_id)
    assertion.is_for(said, addresses.entity_id(upstream), now)
    assertion.is_confirmed(assertion.only(said, "Subject"), consumer, request_id, now)


def _answer(upstream: Upstream, said: Any, request_id: str, now: datetime) -> Answer:
    wanted = declared.of(upstream)
    subject = assertion.only(said, "Subject")
    attributes = assertion.attributes_of(said)
    who = assertion.subject_of(subject, attributes, wanted, addresses.entity_id(upstream))
    is_address = wanted.name_id == "emailAddress" and not wanted.subject_attribute
    statement = assertion.only(said, "AuthnStatement")
    at = assertion.time_of(statement, "AuthnInstant")
    if at is None or at > now + LEEWAY:
        raise UpstreamRefusedError("AuthnInstant is missing, or is still to come.")
    contexts = list(statement.iter(f"{{{ASSERTION}}}AuthnContextClassRef"))
    return Answer(
        message_id=said.get("ID"),
        request_id=request_id,
        subject=who,
        claims=assertion.claims_of(attributes, wanted, who if is_address else ""),
        acr=assertion.text_of(contexts[0])[:LONGEST_SUBJECT] if len(contexts) == 1 else "",
        authenticated_at=at.timestamp(),
        session_id=statement.get("SessionIndex", "")[:LONGEST_SUBJECT],
        name_id=assertion.name_id_of(subject),
    )
