"""What operators write about token exchange and connected applications, read as values.

The columns are mappings; `clients.validation.exchange` refuses others.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

#: The members of a connected application, and their types.
MEMBERS: Mapping[str, type] = {"client_id": str, "scopes": list, "resources": list, "email": bool}


@dataclass(frozen=True)
class Connection:
    """An application that a client gets ID-JAGs for. Identity Assertion Authorization Grant §5."""

    #: The issuer of its authorization server.
    audience: str
    #: The client_id by which that knows the client.
    client_id: str
    scopes: frozenset[str]
    resources: tuple[str, ...]
    #: Whether it learns the user's email address.
    has_email: bool

    @classmethod
    def of(cls, applications: Mapping[str, Any] | None, audience: str) -> "Connection | None":
        """Return the one with this issuer, of the column `connected_applications`, or None."""
        entry = (applications or {}).get(audience)
        if entry is None:
            return None
        return cls(
            audience,
            entry["client_id"],
            frozenset(entry.get("scopes", ())),
            tuple(entry.get("resources", ())),
            bool(entry.get("email")),
        )
