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
    """The base of both kinds of claim sources; users read its texts when they agree."""

    #: As discovery calls the kind: an element of `claim_types_supported`.
    claim_type: ClassVar[str]
    #: The name of the claims provider: "Example Credit Bureau".
    provider: str
    #: The claims that it may assert, each with a description for users: "credit score".
    claims: Mapping[str, str]


class AggregatedClaims(ClaimSource):
    """Claims in a JWT that its claims provider signed. OIDC Core §5.6.2."""

    claim_type = "aggregated"

    @abstractmethod
    def jwt(self, user: User, client_id: str, names: frozenset[str]) -> str | None:
        """Return a signed JWT with claims of this user, or None if there is none.

        `names` are those of `claims` that this client may receive now; the JWT must not have others
        of `claims` or of our own scopes. The client receives it unchanged.
        """


@dataclass(frozen=True)
class Endpoint:
    """Where a client fetches a user's claims as a JWT, and its access token (RFC 6750 §2.1)."""

    url: str
    access_token: str | None = None


class DistributedClaims(ClaimSource):
    """Claims that clients fetch themselves from the claims provider. OIDC Core §5.6.2."""

    claim_type = "distributed"

    @abstractmethod
    def endpoint(self, user: User, client_id: str, names: frozenset[str]) -> Endpoint | None:
        """Return where the client gets these claims of this user, or None: nowhere.

        `names` are those of `claims` that this client may have now; see to it that the access
        token opens no others.
        """
