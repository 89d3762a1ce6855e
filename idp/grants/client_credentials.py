"""The client credentials grant: a client requests a token for itself. RFC 6749 §4.4."""

from datetime import datetime

from django.http import HttpRequest

from idp import policy
from idp.models import Client
from idp.protocol.errors import InvalidScope
from idp.protocol.parameters import Parameters
from idp.protocol.rules import upholds
from idp.tokens.entitlement import Entitlement


@upholds("RFC 6749 §3.3")
def entitle(
    client: Client, parameters: Parameters, _now: datetime, _request: HttpRequest
) -> Entitlement:
    """Return the requested scopes of those registered for the client; none of a user's.

    Raises InvalidScope for a scope that the client can't have for itself. RFC 6749 §3.3.
    """
    available = client.allowed_scopes - frozenset(policy.SCOPES)
    asked = frozenset((parameters.get("scope") or "").split())
    if not asked <= available:
        refused = ", ".join(sorted(asked - available))
        raise InvalidScope(f"This client cannot have these scopes for itself: {refused}.")
    return Entitlement(client, None, asked or available, asked_resource=parameters.resources)
