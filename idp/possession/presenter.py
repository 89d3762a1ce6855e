"""Who presents a token, and whom it is bound to: the confirmation (`cnf`). RFC 7800 §3.1.

A bound token keeps the confirmation that its JWT and its introspection have: an object with `jkt`,
the thumbprint of a DPoP key (RFC 9449 §6.1), with `x5t#S256`, that of a certificate (RFC 8705
§3.1), or both. Refresh tokens of clients without a secret are bound as their access tokens are; so
are codes, to the key that the authorization request names (`dpop_jkt`, RFC 9449 §10).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

#: The members of a confirmation.
JKT = "jkt"
X5T = "x5t#S256"
Confirmation = Mapping[str, str]


@dataclass(frozen=True)
class Proof:
    """A DPoP proof that was judged, and not used up yet (`idp.possession.dpop`)."""

    #: The SHA-256 thumbprint of its key (RFC 7638 §3).
    jkt: str
    #: What it is remembered by, and until when it has to be.
    jti_hash: str
    ends_at: datetime


@dataclass(frozen=True)
class Presenter:
    """The keys that a request proves the possession of; none for most requests."""

    #: Its DPoP proof.
    proof: Proof | None = None
    #: The SHA-256 thumbprint of its TLS client certificate.
    certificate: str | None = None

    @property
    def proven(self) -> dict[str, str]:
        """The members of a confirmation that this presenter satisfies."""
        jkt = self.proof.jkt if self.proof else None
        of_names = {JKT: jkt, X5T: self.certificate}
        return {name: value for name, value in of_names.items() if value is not None}


#: Of a request that proves nothing.
UNPROVEN = Presenter()


def is_the_one(presenter: Presenter, confirmation: Confirmation | None) -> bool:
    """Whether a token with this confirmation is bound to this presenter, or not bound.

    All members have to be satisfied, and one that is not known here never is (RFC 7800 §3.1).
    """
    if not confirmation:
        return True
    proven = presenter.proven
    return all(proven.get(name) == value for name, value in confirmation.items())


def confirmation_of(presenter: Presenter, *, by_certificate: bool) -> dict[str, str] | None:
    """Return what an access token is bound to that this presenter gets; None for nothing.

    `by_certificate` says that its client has its tokens bound to certificates (RFC 8705 §3.4).
    """
    proven = presenter.proven
    if not by_certificate:
        proven.pop(X5T, None)
    return proven or None


def token_type(confirmation: Confirmation | None) -> str:
    """Return the scheme that a token is presented with. RFC 9449 §5; RFC 8705 has none of its own.

    It is the `token_type` of token responses and introspection.
    """
    return "DPoP" if confirmation and JKT in confirmation else "Bearer"
