"""What we say of ourselves to a SAML identity provider's operator. SAML Metadata §2.4.4."""

from base64 import b64encode
from typing import Any

from lxml import etree

from accounts.upstream.model import Upstream
from idp.upstream.saml import addresses, declared, encryption, signing
from idp.upstream.saml.addresses import DSIG, METADATA, NAME_IDS, POST, PROTOCOL, REDIRECT
from idp.upstream.saml.signing import Key


def document(upstream: Upstream) -> bytes:
    """Return our metadata for an upstream. Raises UpstreamRefusedError for an unusable key."""
    key = signing.key_of(upstream)
    root = etree.Element(
        f"{{{METADATA}}}EntityDescriptor",
        {"entityID": addresses.entity_id(upstream)},
        {"md": METADATA, "ds": DSIG},
    )
    role = etree.SubElement(
        root,
        f"{{{METADATA}}}SPSSODescriptor",
        {
            "AuthnRequestsSigned": "false" if key is None else "true",
            "WantAssertionsSigned": "true",
            "protocolSupportEnumeration": PROTOCOL,
        },
    )
    if key is not None:
        _add_key(role, "signing", key)
        _add_key(role, "encryption", key, encryption.METHODS)
    logout = {"Binding": REDIRECT, "Location": addresses.logout(upstream)}
    etree.SubElement(role, f"{{{METADATA}}}SingleLogoutService", logout)
    said = declared.of(upstream)
    if not said.subject_attribute:
        etree.SubElement(role, f"{{{METADATA}}}NameIDFormat").text = NAME_IDS[said.name_id]
    consumer = {
        "Binding": POST,
        "Location": addresses.consumer(upstream),
        "index": "0",
        "isDefault": "true",
    }
    etree.SubElement(role, f"{{{METADATA}}}AssertionConsumerService", consumer)
    said = etree.tostring(root, encoding="UTF-8", xml_declaration=True, pretty_print=True)
    return bytes(said)


def _add_key(role: Any, use: str, key: Key, methods: tuple[str, ...] = ()) -> None:
    """Add a key, and how it may be used. SAML Metadata §2.4.1.1."""
    descriptor = etree.SubElement(role, f"{{{METADATA}}}KeyDescriptor", {"use": use})
    info = etree.SubElement(descriptor, f"{{{DSIG}}}KeyInfo")
    data = etree.SubElement(info, f"{{{DSIG}}}X509Data")
    certificate = etree.SubElement(data, f"{{{DSIG}}}X509Certificate")
    certificate.text = b64encode(key.certificate).decode()
    for method in methods:
        name = f"{{{METADATA}}}EncryptionMethod"
        etree.SubElement(descriptor, name, {"Algorithm": method})
