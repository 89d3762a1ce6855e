"""Encrypt assertions to our key, as SAML identity providers do and as Mallory would."""

import os
from base64 import b64encode
from dataclasses import dataclass, field
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from lxml import etree

from tests.saml import NS, SigningKey

ENC, ENC11 = "http://www.w3.org/2001/04/xmlenc#", "http://www.w3.org/2009/xmlenc11#"
OAEP = f"{ENC}rsa-oaep-mgf1p"
_SHA1 = hashes.SHA1()
#: How a key is encrypted by each name: also what we refuse.
_PADDINGS: dict[str, Any] = {
    OAEP: padding.OAEP(padding.MGF1(_SHA1), _SHA1, None),
    f"{OAEP} sha256": padding.OAEP(padding.MGF1(_SHA1), hashes.SHA256(), None),
    f"{ENC}rsa-1_5": padding.PKCS1v15(),
}
_OF_SHA256 = f'<ds:DigestMethod Algorithm="{ENC}sha256"/>'
_ENCRYPTED = """<saml:EncryptedAssertion xmlns:saml="{saml}" xmlns:xenc="{enc}" xmlns:ds="{ds}">\
<xenc:EncryptedData Type="{enc}Element"><xenc:EncryptionMethod Algorithm="{cipher}"/><ds:KeyInfo>\
<xenc:EncryptedKey><xenc:EncryptionMethod Algorithm="{transport}">{more}</xenc:EncryptionMethod>\
<xenc:CipherData><xenc:CipherValue>{key}</xenc:CipherValue></xenc:CipherData></xenc:EncryptedKey>\
</ds:KeyInfo><xenc:CipherData><xenc:CipherValue>{text}</xenc:CipherValue></xenc:CipherData>\
</xenc:EncryptedData></saml:EncryptedAssertion>"""


@dataclass(frozen=True)
class Encryption:
    """How something is encrypted, with a key of its own."""

    cipher: str = f"{ENC11}aes256-gcm"
    transport: str = OAEP
    secret: bytes = field(default_factory=lambda: os.urandom(32))

    def text_of(self, plain: bytes) -> bytes:
        """Return the ciphertext."""
        iv = os.urandom(16)
        if self.cipher.endswith("gcm"):
            return iv[:12] + AESGCM(self.secret).encrypt(iv[:12], plain, None)
        number = 16 - len(plain) % 16
        return self.blocks(iv, plain + os.urandom(number - 1) + bytes([number]))

    def blocks(self, iv: bytes, padded: bytes) -> bytes:
        """Return the ciphertext of blocks in CBC mode."""
        cipher = Cipher(algorithms.AES(self.secret), modes.CBC(iv)).encryptor()
        return iv + cipher.update(padded)

    def element(self, text: bytes, key: SigningKey) -> Any:
        """Return an EncryptedAssertion of a ciphertext, to a certificate's key."""
        public = x509.load_pem_x509_certificate(key.certificate.encode()).public_key()
        assert isinstance(public, rsa.RSAPublicKey)
        wrapped = public.encrypt(self.secret, _PADDINGS[self.transport])
        said = {
            "cipher": self.cipher,
            "transport": self.transport.removesuffix(" sha256"),
            "more": _OF_SHA256 if self.transport.endswith(" sha256") else "",
            "key": b64encode(wrapped).decode(),
            "text": b64encode(text).decode(),
        }
        return etree.fromstring(_ENCRYPTED.format(**NS, enc=ENC, **said))

    def encrypt(self, root: Any, key: SigningKey) -> Any:
        """Put an encrypted assertion in place of a response's, and return the response."""
        found = root.find("saml:Assertion", NS)
        root.replace(found, self.element(self.text_of(etree.tostring(found)), key))
        return root
