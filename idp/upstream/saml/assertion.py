"""What an assertion says, of whom, to whom, and for how long. SAML Core §2.3, SAML Profiles §4.1.4.

To be read of assertions only whose signature was judged, and from the very elements that it covers.
"""

import json
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

from accounts.upstream.refusals import UpstreamRefusedError
from idp.jose.received_jwts import LEEWAY
from idp.protocol.rules import upholds
from idp.upstream.saml.addresses import (
    ASSERTION,
    BEARER,
    ENTITY,
    NAME_IDS,
    TRANSIENT,
    UNSPECIFIED,
)
from idp.upstream.saml.declared import Declared

#: Attributes and values that are looked at, and characters of one value.
_MOST_ATTRIBUTES, _MOST_VALUES, _LONGEST = 200, 5000, 2000
_SOAP = "http://schemas.xmlsoap.org/ws/2005/05/identity/claims/"
#: Claims (OIDC Core §5.1) by the names that providers have for them, the first that is found:
#: those of Keycloak and Google Workspace, of Entra ID and AD FS, and of LDAP (RFC 4519, RFC 2798).
_USUAL = {
    "email": ("email", "mail", f"{_SOAP}emailaddress", "urn:oid:0.9.2342.19200300.100.1.3"),
    "name": (
        "name",
        "displayName",
        "http://schemas.microsoft.com/identity/claims/displayname",
        "urn:oid:2.16.840.1.113730.3.1.241",
    ),
    "given_name": ("given_name", "givenName", "firstName", f"{_SOAP}givenname", "urn:oid:2.5.4.42"),
    "family_name": ("family_name", "sn", "lastName", f"{_SOAP}surname", "urn:oid:2.5.4.4"),
    "preferred_username": ("preferred_username", "username", "uid"),
}
#: What a NameID has beside its text. SAML Core §2.2.2, §2.2.3.
_QUALIFIERS = ("Format", "NameQualifier", "SPNameQualifier", "SPProvidedID")
Attributes = Mapping[str, list[str]]


def only(parent: Any, name: str) -> Any:
    """Return the one child of this name. Raises UpstreamRefusedError for none and for more."""
    found = list(parent.iterchildren(f"{{{ASSERTION}}}{name}"))
    if len(found) != 1:
        raise UpstreamRefusedError(f"The assertion does not have exactly one {name}.")
    return found[0]


def text_of(element: Any) -> str:
    """Return all text of an element without children. Raises UpstreamRefusedError for others."""
    if len(element):
        raise UpstreamRefusedError("There is an element within a text.")
    return (element.text or "").strip()


def time_of(element: Any, name: str) -> datetime | None:
    """Return a moment that an attribute has, if it has one. SAML Core §1.3.3."""
    said = element.get(name)
    if said is None:
        return None
    try:
        at = datetime.fromisoformat(said)
    except ValueError:
        raise UpstreamRefusedError(f"{name} is no time.") from None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


@upholds("SAML Core §2.2.5")
def is_by(parent: Any, issuer: str) -> None:
    """Refuse an issuer that is not this entity ID."""
    element = only(parent, "Issuer")
    if text_of(element) != issuer or element.get("Format") not in (None, ENTITY):
        raise UpstreamRefusedError("The issuer is another one.")


@upholds("SAML Core §2.5.1")
def is_for(assertion: Any, audience: str, now: datetime) -> None:
    """Refuse an assertion for others, or for another time: every restriction has to name us."""
    conditions = only(assertion, "Conditions")
    _is_of_now(conditions, now)
    restrictions = list(conditions.iterchildren(f"{{{ASSERTION}}}AudienceRestriction"))
    audiences = [
        {text_of(each) for each in restriction.iterchildren(f"{{{ASSERTION}}}Audience")}
        for restriction in restrictions
    ]
    if not audiences or not all(audience in each for each in audiences):
        raise UpstreamRefusedError("The assertion is for another audience.")


@upholds("SAML Profiles §4.1.4.3")
def is_confirmed(subject: Any, recipient: str, request_id: str, now: datetime) -> None:
    """Refuse a subject that no confirmation lets come to this address, as this answer, now."""
    for confirmation in subject.iterchildren(f"{{{ASSERTION}}}SubjectConfirmation"):
        data = list(confirmation.iterchildren(f"{{{ASSERTION}}}SubjectConfirmationData"))
        if confirmation.get("Method") != BEARER or len(data) != 1:
            continue
        until = time_of(data[0], "NotOnOrAfter")
        if (
            data[0].get("Recipient") == recipient
            and data[0].get("InResponseTo") == request_id
            and data[0].get("NotBefore") is None
            and until is not None
            and now < until + LEEWAY
        ):
            return
    raise UpstreamRefusedError(
        "No confirmation of the subject is for this address (Recipient), this request "
        "(InResponseTo) and this moment (NotOnOrAfter)."
    )


def _is_of_now(element: Any, now: datetime) -> None:
    begins, ends = time_of(element, "NotBefore"), time_of(element, "NotOnOrAfter")
    if (begins and now + LEEWAY < begins) or (ends and ends + LEEWAY <= now):
        raise UpstreamRefusedError("The assertion is not of this time.")


@upholds("SAML Core §8.3.7")
def subject_of(subject: Any, attributes: Attributes, declared: Declared, audience: str) -> str:
    """Return who the user is: the NameID of the declared format, or the declared attribute."""
    if declared.subject_attribute:
        values = attributes.get(declared.subject_attribute, [])
        if len(values) != 1:
            raise UpstreamRefusedError("The attribute of the subject does not have one value.")
        return values[0]
    name_id = only(subject, "NameID")
    said = name_id.get("Format") or UNSPECIFIED
    if said == TRANSIENT:
        raise UpstreamRefusedError(
            "The NameID is transient: it names nobody the next time. Let the provider send a "
            "persistent one, or declare the attribute of the subject."
        )
    if said != NAME_IDS[declared.name_id]:
        raise UpstreamRefusedError(f"The format of the NameID is not {declared.name_id}.")
    if name_id.get("SPNameQualifier") not in (None, audience):
        raise UpstreamRefusedError("The NameID is one for another service (SPNameQualifier).")
    return text_of(name_id)


def name_id_of(subject: Any) -> str:
    """Return the NameID in JSON, as its provider knows it again; empty for none, and a long one."""
    found = list(subject.iterchildren(f"{{{ASSERTION}}}NameID"))
    if len(found) != 1:
        return ""
    said = {name: found[0].get(name) for name in _QUALIFIERS if found[0].get(name)}
    text = json.dumps({"text": text_of(found[0]), "attributes": said})
    return text if len(text) <= _LONGEST else ""


def attributes_of(assertion: Any) -> dict[str, list[str]]:
    """Return the texts of attributes by their names, within bounds. SAML Core §2.7.3."""
    found: dict[str, list[str]] = {}
    number = 0
    for statement in assertion.iterchildren(f"{{{ASSERTION}}}AttributeStatement"):
        for attribute in statement.iterchildren(f"{{{ASSERTION}}}Attribute"):
            name = attribute.get("Name", "")
            if len(name) > _LONGEST or (name not in found and len(found) >= _MOST_ATTRIBUTES):
                continue
            values = list(_texts(attribute))[: max(0, _MOST_VALUES - number)]
            number += len(values)
            found.setdefault(name, []).extend(values)
    return found


def claims_of(attributes: Attributes, declared: Declared, name_id: str) -> dict[str, Any]:
    """Return all attributes as claims, and the usual claims by what they are called there.

    An address counts as verified there; whether it does here, an operator says (`trusts_email`).
    `name_id` is that of a format that is an address, or empty.
    """
    claims: dict[str, Any] = {
        name: values[0] if len(values) == 1 else values for name, values in attributes.items()
    }
    sources = {**_USUAL, **{claim: (name,) for claim, name in declared.claims.items()}}
    for claim, names in sources.items():
        claims.pop(claim, None)
        said = next((attributes[name] for name in names if attributes.get(name)), None)
        if said:
            claims[claim] = said[0] if claim in _USUAL or len(said) == 1 else said
    if name_id:
        claims.setdefault("email", name_id)
    claims["email_verified"] = "email" in claims
    return claims


def _texts(attribute: Any) -> Iterator[str]:
    for value in attribute.iterchildren(f"{{{ASSERTION}}}AttributeValue"):
        inner = list(value)
        if len(inner) == 1 and inner[0].tag == f"{{{ASSERTION}}}NameID":
            value = inner[0]  # as eduPersonTargetedID has it
        if len(value) == 0 and 0 < len(text := (value.text or "").strip()) <= _LONGEST:
            yield text
