"""Client authentication with the certificate of the TLS connection. RFC 8705 §2.

The reverse proxy terminates TLS and passes the certificate on (`foundation.client_certificate`).
Names are compared as a whole and by their types; nothing searches in a text.
"""

from collections.abc import Callable
from datetime import datetime
from ipaddress import ip_address
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID
from django.http import HttpRequest
from jwcrypto.common import JWException
from jwcrypto.jwk import JWK

from foundation.client_certificate import ClientCertificate
from idp.clients.client_keys import public_keys, renewed_keys
from idp.jose.public_keys import certificate_of
from idp.models import Client
from idp.possession.certificates import presented
from idp.protocol.errors import InvalidClient
from idp.protocol.rules import upholds

#: Names of attributes that OpenSSL and nginx write, beside those of RFC 4514 §3.
_ATTRIBUTES: Final = {
    "emailAddress": NameOID.EMAIL_ADDRESS,
    "serialNumber": NameOID.SERIAL_NUMBER,
    "SN": NameOID.SURNAME,
    "GN": NameOID.GIVEN_NAME,
    "title": NameOID.TITLE,
    "dnQualifier": NameOID.DN_QUALIFIER,
    "organizationIdentifier": NameOID.ORGANIZATION_IDENTIFIER,
    "businessCategory": NameOID.BUSINESS_CATEGORY,
    "jurisdictionC": NameOID.JURISDICTION_COUNTRY_NAME,
    "jurisdictionST": NameOID.JURISDICTION_STATE_OR_PROVINCE_NAME,
    "jurisdictionL": NameOID.JURISDICTION_LOCALITY_NAME,
}


@upholds("RFC 8705 §2")
def verify(client: Client, request: HttpRequest, now: datetime) -> None:
    """Check that the certificate of the request authenticates the client.

    Raises InvalidClient, InvalidRequest, and TemporarilyUnavailable if its keys can't be had.
    """
    certificate = presented(request)
    if certificate is None:
        raise InvalidClient(
            "This client authenticates with a TLS certificate, and the request came without one, "
            "or by a way on which certificates are not accepted."
        )
    _is_valid_now(certificate.certificate, now)
    if client.token_endpoint_auth_method == "tls_client_auth":
        _has_the_registered_name(client, certificate)
    else:
        _is_registered(client, certificate)


@upholds("RFC 5280 §4.1.2.5")
def _is_valid_now(certificate: x509.Certificate, now: datetime) -> None:
    """RFC 5280 §4.1.2.5: a certificate has a beginning and an end."""
    if not certificate.not_valid_before_utc <= now <= certificate.not_valid_after_utc:
        raise InvalidClient("The client certificate has expired, or is not valid yet.")


@upholds("RFC 8705 §2.1")
def _has_the_registered_name(client: Client, own: ClientCertificate) -> None:
    """RFC 8705 §2.1: an authority that the proxy trusts has certified the registered name."""
    if not own.is_verified:
        raise InvalidClient(
            "The client certificate was not verified: no authority issued it that is trusted here."
        )
    column, expected = next(
        ((column, name) for column in NAMES if (name := getattr(client, column))), ("", "")
    )
    try:
        has_it = bool(expected) and NAMES[column](own.certificate, expected)
    except (ValueError, x509.UnsupportedGeneralNameType, x509.DuplicateExtension):
        has_it = False  # a certificate whose names can't be read has none
    if not has_it:
        raise InvalidClient(f"The client certificate has another name: {_shown(own)}")


def _shown(own: ClientCertificate) -> str:
    """Return the certificate's subject, to be compared with what is registered."""
    try:
        return f"its subject is {own.certificate.subject.rfc4514_string()[:200]}"
    except ValueError:
        return "its subject can't be read."


@upholds("RFC 8705 §2.2")
def _is_registered(client: Client, own: ClientCertificate) -> None:
    """RFC 8705 §2.2: the certificate, or its key, is one of the client's JWK set.

    A set that is fetched is fetched anew for a certificate that is not in it.
    """
    if not any(_is_of(key, own) for key in public_keys(client)) and not any(
        _is_of(key, own) for key in renewed_keys(client)
    ):
        raise InvalidClient("The client certificate is none of those that the client registered.")


def _is_of(key: dict[str, Any], own: ClientCertificate) -> bool:
    """Whether a JWK stands for a certificate: it has it in `x5c`, or has no `x5c` and its key."""
    if key.get("use", "sig") != "sig":
        return False
    if "x5c" in key:
        return certificate_of(key) == own.der
    try:
        registered = JWK(**_bare(key)).get_op_key("verify")
        return _spki(registered) == _spki(own.certificate.public_key())
    except (JWException, ValueError, TypeError, x509.UnsupportedGeneralNameType):
        return False


def _bare(key: dict[str, Any]) -> dict[str, Any]:
    return {name: key[name] for name in key.keys() - {"use", "key_ops", "alg"}}


def _spki(key: CertificatePublicKeyTypes) -> bytes:
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


# --- the names of a certificate -------------------------------------------------------------------


def subject_of(text: str) -> x509.Name:
    """Return the subject that a text is, as RFC 4514 writes it. Raises ValueError.

    A value in hexadecimal (`#…`) is refused: its encoding would have to be that of the certificate.
    """
    if "=#" in text:
        raise ValueError(text)
    subject = x509.Name.from_rfc4514_string(text, _ATTRIBUTES)
    if not subject.rdns:
        raise ValueError(text)
    return subject


def email_of(text: str) -> tuple[str, str]:
    """Return the parts of an email address that are compared. RFC 5280 §7.5: letters of the host
    have no case. Raises ValueError.
    """
    local, at, host = text.rpartition("@")
    if not (local and at and host and text.isascii() and text.isprintable()):
        raise ValueError(text)
    return local, host.lower()


def _has_subject(certificate: x509.Certificate, expected: str) -> bool:
    return certificate.subject == subject_of(expected)


def _has_dns(certificate: x509.Certificate, expected: str) -> bool:
    return expected.lower() in map(str.lower, _values(certificate, x509.DNSName))


def _has_uri(certificate: x509.Certificate, expected: str) -> bool:
    return expected in _values(certificate, x509.UniformResourceIdentifier)


def _has_ip(certificate: x509.Certificate, expected: str) -> bool:
    return ip_address(expected) in _values(certificate, x509.IPAddress)


def _has_email(certificate: x509.Certificate, expected: str) -> bool:
    return email_of(expected) in map(email_of, _values(certificate, x509.RFC822Name))


def _values(certificate: x509.Certificate, kind: Any) -> list[Any]:
    """Return the certificate's alternative names of a kind (RFC 5280 §4.2.1.6)."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    except x509.ExtensionNotFound:
        return []
    return names.value.get_values_for_type(kind)


#: The columns for the name that a certificate has to have, and what finds it there.
NAMES: Final[dict[str, Callable[[x509.Certificate, str], bool]]] = {
    "tls_client_auth_subject_dn": _has_subject,
    "tls_client_auth_san_dns": _has_dns,
    "tls_client_auth_san_uri": _has_uri,
    "tls_client_auth_san_ip": _has_ip,
    "tls_client_auth_san_email": _has_email,
}
