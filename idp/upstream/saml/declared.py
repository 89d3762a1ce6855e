"""What an operator declares of a SAML identity provider, in `Upstream.settings`.

Its entity ID is `Upstream.issuer`. A key of ours, if there is one, is the secret: a private key and
its certificate, both in PEM.
"""

import re
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from django.utils.translation import gettext

from accounts.upstream.model import Upstream
from idp import outbound
from idp.upstream.saml.addresses import NAME_IDS

_ADDRESSES = ("metadata_url", "sso_url", "slo_url")
_KNOWN = frozenset(
    {*_ADDRESSES, "metadata", "certificates", "name_id", "subject_attribute", "claims"}
)
#: Characters of pasted metadata, of other texts, and of a list or a mapping.
_LONGEST_METADATA, _LONGEST, _MOST = 100_000, 2000, 50
_SHORTEST_RSA = 2048
_ARMOUR = re.compile(r"-----(BEGIN|END) CERTIFICATE-----|\s+")
#: Claims that have another source, or that may not be set.
_OWN = frozenset({"sub", "email_verified"})


@dataclass(frozen=True)
class Declared:
    """What an operator has set; empty texts for what is not."""

    #: Where its metadata is, or the metadata itself; else the fields that follow say it.
    metadata_url: str
    metadata: str
    sso_url: str
    slo_url: str
    #: In base64, without lines before and after.
    certificates: tuple[str, ...]
    #: A short name of `NAME_IDS`.
    name_id: str
    #: The attribute that identifies a user, in place of the NameID.
    subject_attribute: str
    #: Attributes by the claims that they become.
    claims: Mapping[str, str]


def of(upstream: Upstream) -> Declared:
    """Return what was declared; `problems` has found nothing wrong with it."""
    said = upstream.settings
    return Declared(
        **{name: said.get(name, "") for name in (*_ADDRESSES, "metadata", "subject_attribute")},
        certificates=tuple(map(bare, said.get("certificates", ()))),
        name_id=said.get("name_id", "persistent"),
        claims=said.get("claims", {}),
    )


def bare(certificate: str) -> str:
    """Return a certificate in PEM as base64 alone."""
    return _ARMOUR.sub("", certificate)


def problem_with_certificate(certificate: str) -> str | None:
    """Return why signatures can't be judged by a certificate, as a sentence, or None.

    Its dates do not count: the operator has chosen it, as SAML's metadata does.
    """
    try:
        key = x509.load_der_x509_certificate(b64decode(bare(certificate), validate=True))
        public = key.public_key()
    except (ValueError, Base64Error, x509.UnsupportedGeneralNameType):
        return gettext("A certificate can’t be read: paste it whole, in PEM.")
    if isinstance(public, RSAPublicKey) and public.key_size < _SHORTEST_RSA:
        return gettext("A certificate has a key of less than 2048 bits.")
    if not isinstance(public, RSAPublicKey | EllipticCurvePublicKey):
        return gettext("A certificate has a key that is neither RSA nor of an elliptic curve.")
    return None


def problems(upstream: Upstream) -> Iterator[tuple[str, str]]:
    """Yield a column and a sentence for each setting that can't be right."""
    said = upstream.settings
    if not upstream.issuer or not upstream.issuer.isprintable():
        yield "issuer", gettext("Enter its entity ID, exactly as its metadata has it.")
    wrong = list(_of_wrong_types(said)) if isinstance(said, dict) else [gettext("Enter settings.")]
    yield from (("settings", problem) for problem in wrong or _problems(said))


def _of_wrong_types(said: dict[str, Any]) -> Iterator[str]:
    for name in sorted(set(said) - _KNOWN):
        yield gettext("There is no setting %(name)s.") % {"name": name}
    rules = {
        **dict.fromkeys((*_ADDRESSES, "subject_attribute"), _is_text),
        "metadata": lambda value: isinstance(value, str) and 0 < len(value) <= _LONGEST_METADATA,
        "certificates": _are_certificates,
        "name_id": lambda value: value in NAME_IDS if isinstance(value, str) else False,
        "claims": _are_claims,
    }
    for name, fits in rules.items():
        if name in said and not fits(said[name]):
            yield gettext("The setting %(name)s can’t be this.") % {"name": name}


def _is_text(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= _LONGEST and value.isprintable()


def _are_certificates(value: object) -> bool:
    return (
        isinstance(value, list)
        and 0 < len(value) <= _MOST
        and all(isinstance(each, str) and len(each) <= _LONGEST_METADATA for each in value)
    )


def _are_claims(value: object) -> bool:
    return (
        isinstance(value, dict)
        and len(value) <= _MOST
        and all(map(_is_text, (*value, *value.values())))
        and not _OWN & set(value)
    )


def _problems(said: dict[str, Any]) -> Iterator[str]:
    by_fields = "sso_url" in said or "certificates" in said
    if ("metadata_url" in said) + ("metadata" in said) + by_fields != 1:
        yield gettext(
            "Set one of these: the address of its metadata, the metadata itself, or its sign-in "
            "address with certificates."
        )
    elif by_fields and not ("sso_url" in said and "certificates" in said):
        yield gettext("The sign-in address and the certificates belong together.")
    for name in _ADDRESSES:
        if name in said and outbound.problem_with(said[name]):
            yield gettext("This is not an address that begins with https://: %(value)s.") % {
                "value": said[name][:200]
            }
    found = (problem_with_certificate(each) for each in said.get("certificates", ()))
    yield from filter(None, found)
