"""The scopes that an authorization request can be granted. RFC 6749 §3.3, RFC 8707 §2."""

from collections.abc import Sequence

from idp import policy
from idp.models import Client, ResourceServer
from idp.protocol import response_types
from idp.protocol.vocabulary import OFFLINE_ACCESS


def scopes_of(
    asked: str | None, response_type: str, client: Client, apis: Sequence[ResourceServer]
) -> frozenset[str]:
    """Return those of the scopes asked for that this client can be granted; others are ignored.

    `apis` are those that the request names. Without a scope, the client gets what it may request of
    them, else `openid` (RFC 6749 §3.3: the provider's default).
    """
    scopes = frozenset((asked or "").split())
    of_apis = frozenset(scope for api in apis for scope in api.scopes_for(client))
    if not scopes:
        return of_apis or client.allowed_scopes & {"openid"}
    if "code" not in response_types.parts(response_type):  # OIDC Core §11
        scopes -= {OFFLINE_ACCESS}
    granted = scopes & (client.allowed_scopes | of_apis)
    return granted - _of_other_apis(granted, apis) if apis else granted


def _of_other_apis(scopes: frozenset[str], apis: Sequence[ResourceServer]) -> frozenset[str]:
    """Return the scopes of APIs that the request does not name: no token of it could have them.

    RFC 8707 §2.2. So no user is asked for them.
    """
    unknown = scopes.difference(policy.SCOPES, *(api.scopes for api in apis))
    if not unknown:
        return frozenset()
    others = ResourceServer.objects.values_list("scopes", flat=True)
    return unknown.intersection(scope for of_other in others for scope in of_other)
