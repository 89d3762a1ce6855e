"""Claims that others assert: the interface between an operator's own code and us. OIDC Core §5.6.

An operator writes a class of one of two kinds and names it in IDP_CLAIM_SOURCES. It is made once in
each process, without arguments, and asked by several threads at once.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from accounts.models import User


class ClaimSource(ABC):
    """What both kinds say of themselves; people read it when they agree."""

    #: As discovery calls the kind: an element of `claim_types_supported`.
    claim_type: ClassVar[str]
    #: Who asserts the claims: "Example Credit Bureau".
    provider: str
    #: Each claim that it may have, with what that is in a person's words: "credit score".
    claims: Mapping[str, str]


class AggregatedClaims(ClaimSource):
    """Claims that come along, signed by who asserts them. OIDC Core §5.6.2."""

    claim_type = "aggregated"

    @abstractmethod
    def jwt(self, user: User, client_id: str, names: frozenset[str]) -> str | None:
        """Return a signed JWT with claims of this person, or None where there is none.

        `names` are those of `claims` that this client may have now; of all that `claims` and our
        own scopes know, the JWT may say no others. It reaches the client as it is.
        """


@dataclass(frozen=True)
class Endpoint:
    """Where a client gets a person's claims as a JWT, and with what (RFC 6750 §2.1)."""

    url: str
    access_token: str | None = None


class DistributedClaims(ClaimSource):
    """Claims that clients fetch themselves from who asserts them. OIDC Core §5.6.2."""

    claim_type = "distributed"

    @abstractmethod
    def endpoint(self, user: User, client_id: str, names: frozenset[str]) -> Endpoint | None:
        """Return where the client gets these claims of this person, or None: nowhere.

        `names` are those of `claims` that this client may have now; see to it that the access
        token opens no others.
        """
