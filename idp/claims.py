"""Claims about a person, by the scopes that ask for them. OIDC Core §5."""

from collections.abc import Mapping
from typing import Any

from idp.protocol.vocabulary import ADDRESS_MEMBERS, SCOPE_CLAIMS

#: Every claim that can be delivered, for discovery's `claims_supported`.
SUPPORTED = tuple(
    dict.fromkeys(
        [claim for claims in SCOPE_CLAIMS.values() for claim in claims]
        + ["iss", "aud", "exp", "iat", "auth_time", "nonce", "acr", "amr", "sid"]
        + ["at_hash", "c_hash"]
    )
)


def claims_for(person: Mapping[str, Any], scopes: frozenset[str]) -> dict[str, Any]:
    """Return the claims that the scopes ask for; what is not known is left out, never empty.

    `person` has a user's columns by their claims' names, and `email_verified`.
    """
    wanted = [name for scope, names in SCOPE_CLAIMS.items() if scope in scopes for name in names]
    claims = {name: _value(name, person) for name in wanted}
    return {name: value for name, value in claims.items() if value not in (None, "", {})}


def _value(name: str, person: Mapping[str, Any]) -> Any:
    value = person[name]
    match name:
        case "updated_at":
            return int(value.timestamp())
        case "address":
            return {member: value[member] for member in ADDRESS_MEMBERS if value.get(member)}
        case "phone_number_verified":
            return value if person["phone_number"] else None
        case "sub":
            return str(value)
        case _:
            return value
