"""Which web origins may read which answers. Fetch standard, CORS protocol; RFC 9700 §2.6.

Discovery and keys are for everyone (their own headers say so); token and UserInfo for the origins
of registered clients, never with credentials; the authorization endpoint for nobody.
"""

from typing import Any

from corsheaders.signals import check_request_enabled
from django.http import HttpRequest

from idp import policy
from idp.models import ClientOrigin

_OPEN = frozenset({*policy.DISCOVERY_PATHS, policy.PATHS["jwks_uri"]})
_FOR_CLIENTS = frozenset(
    {
        policy.PATHS["token_endpoint"],
        policy.PATHS["userinfo_endpoint"],
        policy.PATHS["revocation_endpoint"],
    }
)


def connect() -> None:
    """Let django-cors-headers ask us."""
    check_request_enabled.connect(_is_enabled, dispatch_uid="idp.cors")


def _is_enabled(sender: Any, request: HttpRequest, **_: Any) -> bool:  # noqa: ARG001
    origin = request.headers.get("Origin")
    if origin is None or request.path not in _OPEN | _FOR_CLIENTS:
        return False
    if request.path in _OPEN:
        return True
    if not hasattr(request, "origin_is_registered"):  # asked twice a request
        registered = ClientOrigin.objects.filter(origin=origin, client__enabled=True)
        request.origin_is_registered = registered.exists()  # type: ignore[attr-defined]
    return bool(request.origin_is_registered)  # type: ignore[attr-defined]
