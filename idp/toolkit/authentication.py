"""Requirements on level and time of a token's sign-in, for views beside us. RFC 9470."""

from collections.abc import Callable
from datetime import timedelta
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.utils import timezone

from accounts.levels import reaches
from foundation.statements import hash_of
from idp import policy
from idp.protocol.errors import InsufficientUserAuthentication
from idp.statements.bearers import Bearer, find_bearer

View = Callable[..., HttpResponseBase]


def authentication_required(
    acr: str | None = None, max_age: int | None = None
) -> Callable[[View], View]:
    """Require a level (`acr`) and a maximum age in seconds of the token's sign-in.

    Put it below the decorator that requires the token. Other requests get a 401 with what to
    request at the authorization endpoint (RFC 9470 §3); so do machine-to-machine clients, which
    have no sign-in.
    """
    if acr is not None and acr not in policy.ACR_VALUES:
        raise ValueError(f"{acr} is none of {', '.join(policy.ACR_VALUES)}")

    def decorator(view: View) -> View:
        @wraps(view)
        def gate(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            token = request.headers.get("Authorization", "").partition(" ")[2].strip()
            bearer = find_bearer(hash_of(token))
            if bearer is not None and _is_sufficient(bearer, acr, max_age):
                return view(request, *args, **kwargs)
            return _refused(acr, max_age)

        return gate

    return decorator


def _is_sufficient(bearer: Bearer, acr: str | None, max_age: int | None) -> bool:
    reached, auth_time = bearer.acr, bearer.auth_time
    if auth_time is None or reached not in policy.ACR_VALUES:
        return False
    if acr is not None and not reaches(reached, acr):
        return False
    return max_age is None or timezone.now() - auth_time <= timedelta(seconds=max_age)


def _refused(acr: str | None, max_age: int | None) -> HttpResponse:
    error = InsufficientUserAuthentication("This needs another sign-in of the user.")
    members = {
        "error": error.code,
        "error_description": error.description,
        **({} if acr is None else {"acr_values": acr}),
        **({} if max_age is None else {"max_age": max_age}),
    }
    response = HttpResponse(status=error.status)
    response["WWW-Authenticate"] = "Bearer " + ", ".join(
        f'{name}="{value}"' for name, value in members.items()
    )
    return response
