"""Open an assertion that was encrypted to our key. SAML Core §6, XML Encryption 1.1 §5.

AES in CBC mode lets attackers who send changed ciphertexts, and learn which of them can be opened,
read them in the end (Jager and Somorovsky 2011); of one in GCM, too, by calling it CBC (Jager,
Paterson and Somorovsky 2013). That takes thousands of attempts with one key of a message. So such a
key works once, whether or not it opens anything, and whatever can't be opened has one reason. RSA
with OAEP lets no one make another ciphertext of the same key; PKCS #1 v1.5 would.

Being opened proves nothing: everybody can encrypt to us. The signatures are judged afterwards.
"""

import copy
from base64 import b64decode
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from secrets import token_hex
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from lxml import etree

from accounts.upstream import answers
from accounts.upstream.model import Upstream
from accounts.upstream.refusals import UpstreamRefusedError
from idp.protocol.rules import upholds
from idp.upstream.saml import documents, signing
from idp.upstream.saml.addresses import ASSERTION, DSIG
from idp.upstream.saml.signing import Key

_ENC = "http://www.w3.org/2001/04/xmlenc#"
_ENC11 = "http://www.w3.org/2009/xmlenc11#"
#: Bytes of the key, by the name of the cipher.
_GCM = {f"{_ENC11}aes256-gcm": 32, f"{_ENC11}aes128-gcm": 16}
_CBC = {f"{_ENC}aes256-cbc": 32, f"{_ENC}aes128-cbc": 16}
_CIPHERS = {**_GCM, **_CBC}
#: The one of XML Encryption 1.0: python3-saml's schema does not know the parts of that of 1.1.
_OAEP = f"{_ENC}rsa-oaep-mgf1p"
#: What we offer, the best first. XML Encryption 1.1 §5.2, §5.5.
METHODS = (*_CIPHERS, _OAEP)
# OAEP needs no hash without collisions, and this one is the default there.
_SHA1 = hashes.SHA1()  # noqa: S303
_DIGESTS: dict[str, hashes.HashAlgorithm] = {
    f"{DSIG}sha1": _SHA1,
    f"{_ENC}sha256": hashes.SHA256(),
    f"{_ENC}sha512": hashes.SHA512(),
}
_IV, _BLOCK = 12, 16


@dataclass(frozen=True)
class _Sealed:
    """What an EncryptedAssertion has."""

    cipher: str
    text: bytes
    #: The key of the message, encrypted to ours, and how.
    key: bytes
    transport: padding.OAEP


@upholds("SAML Core §6.1")
def opened(upstream: Upstream, response: Any, sealed: Any, now: datetime) -> Any:
    """Return a copy of a response with its assertion in place of the encrypted one, unjudged.

    Raises UpstreamRefusedError, StaleError if the key of the message came before.
    """
    ours = signing.key_of(upstream)
    if ours is None:
        raise UpstreamRefusedError("The assertion is encrypted, and there is no key of ours.")
    found = _read(sealed)
    answers.use_once(upstream, f"key {sha256(found.key).hexdigest()}", now)
    return _with(_opened(found, ours), response, sealed.tag)


def _with(assertion: Any, response: Any, tag: str) -> Any:
    """Return a copy of a response with an assertion in place of its one element of this name.

    As texts: lxml gives a moved element the prefixes of where it goes, which breaks signatures.
    """
    whole, place = copy.deepcopy(response), etree.ProcessingInstruction("opened", token_hex(16))
    whole.replace(next(whole.iterchildren(tag)), place)
    marker = etree.tostring(place, with_tail=False)
    return documents.parsed(etree.tostring(whole).replace(marker, etree.tostring(assertion)))


def _opened(found: _Sealed, ours: Key) -> Any:
    try:
        secret = ours.private.decrypt(found.key, found.transport)
        return _parsed(_decrypted(found, secret))
    except (ValueError, InvalidTag, UpstreamRefusedError):
        raise UpstreamRefusedError("The encrypted assertion cannot be opened.") from None


def _parsed(text: bytes) -> Any:
    root = documents.parsed(text)
    if root.tag != f"{{{ASSERTION}}}Assertion":
        raise UpstreamRefusedError("It is something else.")
    return root


def _decrypted(found: _Sealed, secret: bytes) -> bytes:
    """Return the text. XML Encryption 1.1 §5.2. Raises ValueError, InvalidTag."""
    if len(secret) != _CIPHERS[found.cipher]:
        raise ValueError("The key has another length.")
    if found.cipher in _GCM:
        return AESGCM(secret).decrypt(found.text[:_IV], found.text[_IV:], None)
    cipher = Cipher(algorithms.AES(secret), modes.CBC(found.text[:_BLOCK])).decryptor()
    padded = cipher.update(found.text[_BLOCK:]) + cipher.finalize()
    filled = padded[-1] if padded else 0
    if not 0 < filled <= _BLOCK:
        raise ValueError("The padding is wrong.")
    return padded[:-filled]


def _read(sealed: Any) -> _Sealed:
    """Return what an element has, in the shapes that providers send; the key is in or beside it."""
    data = list(sealed.iterchildren(f"{{{_ENC}}}EncryptedData"))
    keys = list(sealed.iter(f"{{{_ENC}}}EncryptedKey"))
    if len(data) != 1 or len(keys) != 1:
        raise UpstreamRefusedError("The encrypted assertion does not have exactly one key.")
    cipher = _method(data[0]).get("Algorithm")
    if cipher not in _CIPHERS:
        raise UpstreamRefusedError(f"The assertion is encrypted by a refused algorithm: {cipher}.")
    return _Sealed(cipher, _value(data[0]), _value(keys[0]), _transport(_method(keys[0])))


def _transport(method: Any) -> padding.OAEP:
    name = method.get("Algorithm")
    parts = {part.tag: part.get("Algorithm") for part in method}
    digest = parts.pop(f"{{{DSIG}}}DigestMethod", f"{DSIG}sha1")
    if name != _OAEP or digest not in _DIGESTS or parts:
        raise UpstreamRefusedError(f"The key is encrypted by a refused algorithm: {name}.")
    return padding.OAEP(mgf=padding.MGF1(_SHA1), algorithm=_DIGESTS[digest], label=None)


def _method(element: Any) -> Any:
    found = list(element.iterchildren(f"{{{_ENC}}}EncryptionMethod"))
    if len(found) != 1:
        raise UpstreamRefusedError("The encrypted assertion does not say how it was encrypted.")
    return found[0]


def _value(element: Any) -> bytes:
    """Return a ciphertext. XML Encryption 1.1 §3.3; one that is elsewhere is not fetched."""
    found = element.findall(f"{{{_ENC}}}CipherData/{{{_ENC}}}CipherValue")
    if len(found) != 1:
        raise UpstreamRefusedError("The encrypted assertion does not have its ciphertext.")
    try:
        return b64decode("".join((found[0].text or "").split()), validate=True)
    except ValueError:
        raise UpstreamRefusedError("The ciphertext is not in base64.") from None
