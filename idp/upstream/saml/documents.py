"""XML that comes from elsewhere: parsed within bounds, and of a shape that can't be ambiguous.

A signature covers an element that it names by its ID. Attacks by wrapping move that element aside
and put another one where it is read (McIntosh and Austel 2005; Somorovsky et al. 2012). So a
document has one assertion in the one place for it, every ID is there once, and each signature is a
child of the very element that it covers.
"""

from collections.abc import Iterator
from typing import Any

from django.utils.translation import gettext_noop as _
from lxml import etree

from accounts.upstream.refusals import UpstreamRefusedError
from idp.protocol.rules import upholds
from idp.upstream.saml.addresses import ASSERTION, DSIG, PROTOCOL

#: Bytes of a document; the message about more says how many, too.
LARGEST = 256 * 1024
_EXCLUSIVE = "http://www.w3.org/2001/10/xml-exc-c14n#"
_ENVELOPED = f"{DSIG}enveloped-signature"
_MORE = "http://www.w3.org/2001/04/xmldsig-more#"
#: SHA-1 is not among them, nor is any with a shared secret.
SIGNATURES = frozenset(
    f"{_MORE}{family}-sha{bits}" for family in ("rsa", "ecdsa") for bits in (256, 384, 512)
)
DIGESTS = frozenset(
    {
        *(f"http://www.w3.org/2001/04/xmlenc#sha{bits}" for bits in (256, 512)),
        f"{_MORE}sha384",
    }
)
_ENCRYPTED = ("EncryptedAssertion", "EncryptedID", "EncryptedAttribute")


def parsed(document: bytes) -> Any:
    """Return the root of a document that has no DTD, no comments and no instructions.

    Comments could divide a text, so that a part of it is taken for all (CVE-2017-11427). Raises
    UpstreamRefusedError.
    """
    root = _root(document)
    if any(True for _ in root.getroottree().iter(etree.Comment, etree.PI)):
        raise UpstreamRefusedError("The document has comments or processing instructions.")
    return root


def parsed_metadata(document: bytes) -> Any:
    """Return the root of metadata without a DTD; comments are left out. UpstreamRefusedError."""
    return _root(document, remove_comments=True, remove_pis=True)


def _root(document: bytes, **options: bool) -> Any:
    if len(document) > LARGEST:
        raise UpstreamRefusedError(_("The document has more than 256 KiB."))
    if b"<!DOCTYPE" in document or b"<!ENTITY" in document:
        raise UpstreamRefusedError(_("The document has a document type (DTD)."))
    parser = etree.XMLParser(
        resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False, **options
    )
    try:
        document.decode()
        root = etree.fromstring(document, parser)
    except (etree.XMLSyntaxError, ValueError):
        raise UpstreamRefusedError(_("The document is not XML in UTF-8.")) from None
    about = root.getroottree().docinfo
    if about.doctype or (about.encoding or "UTF-8").upper() not in {"UTF-8", "ASCII", "US-ASCII"}:
        raise UpstreamRefusedError(_("The document has a document type, or is not UTF-8."))
    return root


def encrypted_of(response: Any) -> Any | None:
    """Return the one encrypted assertion of a response that has no other one; None if it has none.

    Raises UpstreamRefusedError.
    """
    found = list(response.iter("{*}EncryptedAssertion"))
    if not found:
        return None
    if len(found) != 1 or any(True for _ in response.iter("{*}Assertion")):
        raise UpstreamRefusedError("There is another assertion beside the encrypted one.")
    if found[0].tag != f"{{{ASSERTION}}}EncryptedAssertion" or found[0].getparent() is not response:
        raise UpstreamRefusedError("The encrypted assertion is not where a response has it.")
    return found[0]


@upholds("SAML Core §5.4.2")
def assertion_of(response: Any) -> Any:
    """Return the one assertion of a response, of whose signatures it is sure what they cover.

    Whether they are right is not judged here. Raises UpstreamRefusedError.
    """
    if response.tag != f"{{{PROTOCOL}}}Response":
        raise UpstreamRefusedError("The document is not a SAML response.")
    if any(True for _ in response.iter(*(f"{{{ASSERTION}}}{name}" for name in _ENCRYPTED))):
        raise UpstreamRefusedError("A part of the assertion is encrypted by itself.")
    assertions = list(response.iter("{*}Assertion"))
    if len(assertions) != 1 or assertions[0].tag != f"{{{ASSERTION}}}Assertion":
        raise UpstreamRefusedError("The response does not have exactly one assertion.")
    if assertions[0].getparent() is not response or len(list(response.iter("{*}Response"))) != 1:
        raise UpstreamRefusedError("The assertion is not where a response has it.")
    _ids_are_unique(response)
    _signatures_are_plain(response, assertions[0])
    return assertions[0]


def _ids_are_unique(root: Any) -> None:
    seen: set[str] = set()
    for element in root.iter(etree.Element):
        for name, value in element.attrib.items():
            if etree.QName(name).localname.lower() != "id":
                continue
            if value in seen:
                raise UpstreamRefusedError("The document has an ID twice.")
            seen.add(value)


def _signatures_are_plain(response: Any, assertion: Any) -> None:
    signatures = list(response.iter("{*}Signature"))
    if not signatures:
        raise UpstreamRefusedError("Neither the response nor its assertion is signed.")
    parents = [signature.getparent() for signature in signatures]
    if len(parents) != len(set(parents)) or not set(parents) <= {response, assertion}:
        raise UpstreamRefusedError("There is a signature in another place.")
    for signature in signatures:
        if problem := next(_problems_with(signature), None):
            raise UpstreamRefusedError(f"The signature {problem}.")


def _problems_with(signature: Any) -> Iterator[str]:
    """Yield how a signature covers something else than its parent, or too weakly."""
    if signature.tag != f"{{{DSIG}}}Signature" or not signature.getparent().get("ID"):
        yield "is not one of XML Signature, or its element has no ID"
    if any(True for _ in signature.iter(f"{{{DSIG}}}Object", f"{{{DSIG}}}Manifest")):
        yield "has objects of its own"
    infos = list(signature.iter(f"{{{DSIG}}}SignedInfo"))
    references = list(signature.iter(f"{{{DSIG}}}Reference"))
    if len(infos) != 1 or len(references) != 1 or references[0].getparent() is not infos[0]:
        yield "does not have exactly one reference"
        return
    if references[0].get("URI") != f"#{signature.getparent().get('ID')}":
        yield "covers another element than its own"
    algorithms = {
        name: [each.get("Algorithm") for each in infos[0].iter(f"{{{DSIG}}}{name}")]
        for name in ("CanonicalizationMethod", "SignatureMethod", "DigestMethod", "Transform")
    }
    if algorithms["SignatureMethod"] == [] or set(algorithms["SignatureMethod"]) - SIGNATURES:
        yield f"has a refused algorithm: {algorithms['SignatureMethod']}"
    if algorithms["DigestMethod"] == [] or set(algorithms["DigestMethod"]) - DIGESTS:
        yield f"has a refused digest: {algorithms['DigestMethod']}"
    if algorithms["CanonicalizationMethod"] != [_EXCLUSIVE]:
        yield "has a refused canonicalization"
    if sorted(algorithms["Transform"], key=str) not in ([_ENVELOPED], [_ENVELOPED, _EXCLUSIVE]):
        yield "has refused transforms"
