"""CORS: which origins may read which responses. Fetch standard, CORS protocol; RFC 9700 §2.6.

Discovery, keys and the metadata of APIs are public (they set headers themselves), and so is open
registration: its clients have no known origin yet, and send a token or nothing. Token, UserInfo,
revocation and pushed requests are for the origins of registered clients; the authorization
endpoint allows none.

Only the token endpoint answers pages that ask with credentials, as keycloak-js does: it neither
reads nor sets a cookie, so that they change nothing.
"""

from typing import Any

from corsheaders.signals import check_request_enabled
from django.conf import settings
from django.http import HttpRequest

from idp import policy
from idp.models import ClientOrigin

#: Dynamic registration, and its management (RFC 7592 §2), if they are enabled.
_REGISTRATION = frozenset(
    {policy.PATHS[name] for name in ("registration_endpoint",) if name in policy.PATHS}
)
_OPEN = frozenset({*policy.DISCOVERY_PATHS, policy.PATHS["jwks_uri"], *_REGISTRATION})
_FOR_CLIENTS = frozenset(
    {
        policy.PATHS["pushed_authorization_request_endpoint"],
        policy.PATHS["token_endpoint"],
        policy.PATHS["userinfo_endpoint"],
        policy.PATHS["revocation_endpoint"],
    }
)


#: Where pages of registered clients may ask with credentials.
WITH_CREDENTIALS = frozenset({policy.PATHS["token_endpoint"]})


def connect() -> None:
    """Connect to the signal of django-cors-headers."""
    check_request_enabled.connect(_is_enabled, dispatch_uid="idp.cors")


def methods_of(path: str) -> tuple[str, ...]:
    """Return the methods for a preflight response."""
    changes = ("PUT", "DELETE") if path in _REGISTRATION else ()
    return (*settings.CORS_ALLOW_METHODS, *changes)


def _is_enabled(sender: Any, request: HttpRequest, **_: Any) -> bool:  # noqa: ARG001
    origin = request.headers.get("Origin")
    path = request.path_info
    if origin is None:
        return False
    if path in _OPEN or path.startswith(policy.RESOURCE_METADATA_PATH):
        return True
    if path not in _FOR_CLIENTS:
        return False
    if not hasattr(request, "origin_is_registered"):  # asked twice a request
        registered = ClientOrigin.objects.filter(origin=origin, client__enabled=True)
        request.origin_is_registered = registered.exists()  # type: ignore[attr-defined]
    return bool(request.origin_is_registered)  # type: ignore[attr-defined]
