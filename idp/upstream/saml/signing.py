"""Our key at a SAML identity provider, if there is one; and messages that a redirect carries.

SAML Bindings §3.4: a message is deflated into the query, and a signature covers the query itself.
"""

import zlib
from base64 import b64decode, b64encode
from dataclasses import dataclass
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from django.utils.translation import gettext

from accounts.upstream.model import Upstream
from accounts.upstream.refusals import UpstreamRefusedError
from idp.protocol.rules import upholds

_RSA = "http://www.w3.org/2001/04/xmldsig-more#rsa-"
_SHORTEST = 2048
_HASHES: dict[str, hashes.HashAlgorithm] = {
    "sha256": hashes.SHA256(),
    "sha384": hashes.SHA384(),
    "sha512": hashes.SHA512(),
}
#: Bytes of a message that was inflated.
_LARGEST = 64 * 1024


@dataclass(frozen=True)
class Key:
    """A private key and its certificate, in DER."""

    private: rsa.RSAPrivateKey
    certificate: bytes


def key_of(upstream: Upstream) -> Key | None:
    """Return our key for an upstream; None if an operator has set none.

    Raises UpstreamRefusedError for one that can't be read.
    """
    if not (upstream.secret_variable or upstream.sealed_secret):
        return None
    key = _read(upstream.secret)
    if isinstance(key, str):
        raise UpstreamRefusedError(key)
    return key


def problem_with(secret: str) -> str | None:
    """Return why this is no key with its certificate, as a sentence, or None."""
    key = _read(secret)
    return key if isinstance(key, str) else None


def _read(secret: str) -> Key | str:
    try:
        private = serialization.load_pem_private_key(secret.encode(), None)
        certificate = x509.load_pem_x509_certificate(secret.encode())
        public = certificate.public_key()
    except (ValueError, TypeError, UnsupportedAlgorithm):
        return gettext(
            "The key needs a private key without a password and its certificate, in PEM."
        )
    if not isinstance(private, rsa.RSAPrivateKey) or private.key_size < _SHORTEST:
        return gettext("The key has to be RSA, of at least 2048 bits.")
    if public != private.public_key():
        return gettext("The certificate is that of another key.")
    return Key(private, certificate.public_bytes(serialization.Encoding.DER))


@upholds("SAML Bindings §3.4.4.1")
def address_with(url: str, name: str, message: bytes, relay_state: str, key: Key | None) -> str:
    """Return the address that carries a message by redirect, signed if there is a key."""
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
    packed = b64encode(deflate.compress(message) + deflate.flush()).decode()
    said = {name: packed, **({"RelayState": relay_state} if relay_state else {})}
    if key is not None:
        said["SigAlg"] = f"{_RSA}sha256"
        covered = urlencode(said).encode()
        signature = key.private.sign(covered, padding.PKCS1v15(), hashes.SHA256())
        said["Signature"] = b64encode(signature).decode()
    parts = urlsplit(url)
    query = "&".join(filter(None, (parts.query, urlencode(said))))
    return urlunsplit(parts._replace(query=query, fragment=""))


@upholds("SAML Bindings §3.4.4.1")
def carried(query: str, name: str, certificates: tuple[str, ...]) -> tuple[bytes, str]:
    """Return the message that a query carries and its RelayState, once the signature was judged.

    The signature covers the query as it was written there. Raises UpstreamRefusedError.
    """
    pairs = [part.partition("=")[::2] for part in query.split("&") if part]
    raw = dict(pairs)
    if len(raw) != len(pairs):
        raise UpstreamRefusedError("The query has a parameter twice.")
    said = dict(parse_qsl(query, keep_blank_values=True))
    if not said.get(name) or "Signature" not in said or "SigAlg" not in said:
        raise UpstreamRefusedError(f"There is no signed {name}.")
    names = (name, *(("RelayState",) if "RelayState" in raw else ()), "SigAlg")
    covered = "&".join(f"{each}={raw[each]}" for each in names).encode()
    if not any(_fits(each, said["SigAlg"], said["Signature"], covered) for each in certificates):
        raise UpstreamRefusedError("The signature of the query is wrong, or of a refused kind.")
    try:
        inflate = zlib.decompressobj(-15)
        message = inflate.decompress(b64decode(said[name], validate=True), _LARGEST)
    except (zlib.error, ValueError):
        raise UpstreamRefusedError(f"The {name} can’t be unpacked.") from None
    if inflate.unconsumed_tail:
        raise UpstreamRefusedError(f"The {name} is too large.")
    return message, said.get("RelayState", "")


def _fits(certificate: str, algorithm: str, signature: str, covered: bytes) -> bool:
    """Whether it is an RSA signature by this certificate's key, with SHA-2."""
    digest = _HASHES.get(algorithm.removeprefix(_RSA)) if algorithm.startswith(_RSA) else None
    public = x509.load_der_x509_certificate(b64decode(certificate)).public_key()
    if digest is None or not isinstance(public, rsa.RSAPublicKey):
        return False
    try:
        public.verify(b64decode(signature), covered, padding.PKCS1v15(), digest)
    except (InvalidSignature, ValueError):
        return False
    return True
