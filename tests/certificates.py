"""TLS certificates of clients, and how a reverse proxy passes them on (tests.settings)."""

import hashlib
from base64 import b64encode, urlsafe_b64encode
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from jwcrypto.jwk import JWK

from tests.relying_party import Registered, make_client

SUBJECT = "CN=backend,O=Example,C=DE"


def named(*attributes: tuple[x509.ObjectIdentifier, str]) -> x509.Name:
    """Return a subject of these attributes, the most general first."""
    return x509.Name([x509.NameAttribute(oid, value) for oid, value in attributes])


def subject(common: str = "backend", organisation: str = "Example") -> x509.Name:
    """Return the subject that SUBJECT is, or a similar one."""
    return named(
        (NameOID.COUNTRY_NAME, "DE"),
        (NameOID.ORGANIZATION_NAME, organisation),
        (NameOID.COMMON_NAME, common),
    )


@dataclass
class Holder:
    """Who has a certificate and its private key; it is signed with its own key, which is enough.

    Whether an authority issued it is what the reverse proxy says, not what is in it.
    """

    name: x509.Name = field(default_factory=subject)
    alternatives: tuple[x509.GeneralName, ...] = ()
    lives: tuple[timedelta, timedelta] = (timedelta(days=-1), timedelta(days=1))
    key: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )

    def __post_init__(self) -> None:
        now = datetime.now(UTC)
        serial = x509.random_serial_number()
        builder = x509.CertificateBuilder(self.name, self.name, self.key.public_key(), serial)
        builder = builder.not_valid_before(now + self.lives[0])
        builder = builder.not_valid_after(now + self.lives[1])
        if self.alternatives:
            names = x509.SubjectAlternativeName(self.alternatives)
            builder = builder.add_extension(names, critical=False)
        self.certificate = builder.sign(self.key, hashes.SHA256())

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(Encoding.DER)

    @property
    def thumbprint(self) -> str:
        return urlsafe_b64encode(hashlib.sha256(self.der).digest()).decode().rstrip("=")

    def headers(self, verified: str = "SUCCESS") -> dict[str, str]:
        """Return what nginx passes on (`$ssl_client_escaped_cert`, `$ssl_client_verify`)."""
        pem = self.certificate.public_bytes(Encoding.PEM).decode()
        return {"SslClientCert": quote(pem, safe=""), "SslClientVerify": verified}

    @property
    def self_signed(self) -> dict[str, str]:
        """What nginx passes on of a certificate that no authority issued."""
        return self.headers("FAILED:self-signed certificate")

    def jwk(self, *, certified: bool = True) -> dict[str, Any]:
        """Return the key as a client registers it, with the certificate or without."""
        key = JWK.from_pem(self.certificate.public_bytes(Encoding.PEM)).export_public(as_dict=True)
        return {**key, "x5c": [b64encode(self.der).decode()]} if certified else key


def make_certified_client(holder: Holder | None = None, **metadata: Any) -> Registered:
    """Register a client that proves itself with a certificate: SUBJECT's of any authority.

    Or with this one, which no authority has to have issued.
    """
    members: dict[str, Any] = {"token_endpoint_auth_method": "tls_client_auth"}
    if holder is not None:
        method = "self_signed_tls_client_auth"
        members = {"token_endpoint_auth_method": method, "jwks": {"keys": [holder.jwk()]}}
    elif not any(name.startswith("tls_client_auth_") for name in metadata):
        members["tls_client_auth_subject_dn"] = SUBJECT
    return make_client(**{**members, **metadata})
