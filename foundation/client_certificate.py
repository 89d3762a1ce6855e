"""The certificate that a TLS client proved the possession of, as a trusted reverse proxy passes it.

The proxy terminates TLS and says the certificate in a header (RFC 9440 §2.2, or PEM as nginx and
others write it). From any other address the header is not read: anyone can write it.
"""

import hashlib
import re
from base64 import b64decode, urlsafe_b64encode
from binascii import Error as Base64Error
from dataclasses import dataclass
from functools import cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from urllib.parse import unquote

import structlog
from cryptography import x509
from django.conf import settings
from django.http import HttpRequest

log = structlog.get_logger(__name__)
#: How the header may be written: RFC 9440's byte sequence, or PEM, percent-encoded or bare.
RFC9440, PEM = "rfc9440", "pem"
FORMATS = (PEM, RFC9440)
#: What the proxy says of a certificate of an authority that it trusts, as nginx and Apache do.
VERIFIED = "SUCCESS"
#: What proxies write for no certificate: nothing, or as Envoy and Apache log it.
_NONE = frozenset({"", "-", "(null)"})
#: Characters of the header's value. A certificate with RSA-4096 and many names has some 5,000.
_LONGEST = 16 * 1024
_BYTE_SEQUENCE = re.compile(r":([A-Za-z0-9+/]+={0,2}):")
_BEGIN, _END = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
#: Addresses whose header was not believed and that were logged, once by each process.
_logged: set[str] = set()
_MOST_LOGGED = 5


class UnusableCertificateError(ValueError):
    """What a trusted proxy passed on can't be read; the message says why."""


@dataclass(frozen=True)
class ClientCertificate:
    """A certificate whose private key the client has, since it made the TLS connection with it."""

    der: bytes
    certificate: x509.Certificate
    #: Whether the proxy says that an authority which it trusts issued it.
    is_verified: bool

    @property
    def thumbprint(self) -> str:
        """The SHA-256 of the certificate, in base64url (RFC 8705 §3.1, `x5t#S256`)."""
        return urlsafe_b64encode(hashlib.sha256(self.der).digest()).decode().rstrip("=")


def client_certificate(request: HttpRequest) -> ClientCertificate | None:
    """Return the client's certificate; None if it used none, or no trusted proxy says so.

    Raises UnusableCertificateError if the header of a trusted proxy can't be read.
    """
    sent = _header(request, settings.IDP_CLIENT_CERTIFICATE_HEADER)
    if sent in _NONE or not _is_from_a_trusted_proxy(request):
        return None
    if len(sent) > _LONGEST:
        raise UnusableCertificateError(
            f"The header with the client certificate has more than {_LONGEST} characters."
        )
    der = _der(sent)
    try:
        certificate = x509.load_der_x509_certificate(der)
    except ValueError:
        raise UnusableCertificateError(
            "The header with the client certificate has something else in it."
        ) from None
    result = _header(request, settings.IDP_CLIENT_CERTIFICATE_VERIFIED_HEADER)
    return ClientCertificate(der, certificate, result == VERIFIED)


def meta_name(header: str) -> str:
    """Return the name by which `request.META` has a header."""
    return f"HTTP_{header.upper().replace('-', '_')}"


@cache
def networks(entries: tuple[str, ...]) -> tuple[IPv4Network | IPv6Network, ...]:
    """Return the networks that addresses and networks in words are. Raises ValueError."""
    return tuple(ip_network(entry) for entry in entries)


def _header(request: HttpRequest, name: str) -> str:
    return str(request.META.get(meta_name(name), "")) if name else ""


def _der(sent: str) -> bytes:
    """Return the certificate in a header: exactly one. RFC 9440 §2.1; RFC 8941 §3.3.5."""
    if settings.IDP_CLIENT_CERTIFICATE_FORMAT == RFC9440:
        match = _BYTE_SEQUENCE.fullmatch(sent.strip())
        base64 = match[1] if match else ""
    else:
        # Neither line has to be there. No pattern: one that allows white space everywhere takes
        # years for a header of it.
        base64 = "".join(unquote(sent).strip().removeprefix(_BEGIN).removesuffix(_END).split())
    try:
        return b64decode(base64, validate=True)
    except (ValueError, Base64Error):
        return b""


def _is_from_a_trusted_proxy(request: HttpRequest) -> bool:
    """Whether the connection itself, and not what a header says, comes from a trusted proxy."""
    sender = str(request.META.get("REMOTE_ADDR", ""))
    try:
        address = ip_address(sender.partition("%")[0])
    except ValueError:
        return False
    address = getattr(address, "ipv4_mapped", None) or address
    trusted = networks(tuple(settings.IDP_CLIENT_CERTIFICATE_PROXIES))
    if any(address in network for network in trusted):
        return True
    if sender not in _logged and len(_logged) < _MOST_LOGGED:
        _logged.add(sender)
        log.warning("client_certificate_not_believed", sender=sender)
    return False
