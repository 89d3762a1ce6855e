"""The device authorization endpoint: a device asks for its codes. RFC 8628 §3.1, §3.2."""

from typing import Any, NoReturn

from django.http import HttpRequest, HttpResponse
from django.utils.http import urlencode
from django.views.decorators.csrf import csrf_exempt

from foundation.rate_limits import RateLimitExceededError
from idp import policy
from idp.authorization import device_codes
from idp.authorization.requested_scopes import scopes_of
from idp.endpoints.wire import answer, authenticated_client, methods, refuse_client
from idp.models import Client
from idp.protocol.authorization_details import PARAMETER
from idp.protocol.errors import (
    InvalidScope,
    ProtocolError,
    TooManyDeviceCodes,
    UnauthorizedClient,
)
from idp.protocol.parameters import Parameters
from idp.protocol.response_types import CODE
from idp.protocol.rules import upholds
from idp.protocol.vocabulary import DEVICE_CODE
from idp.tokens.access_token import known_apis, scopes_at
from idp.tokens.authorization_details import requested


@csrf_exempt
@methods("POST")
def device_authorization(request: HttpRequest) -> HttpResponse:
    """Authenticate the client, check what it asks for, and return a device code and a user code."""
    try:
        client, parameters = authenticated_client(request)
        return answer(_codes_for(request, client, parameters))
    except ProtocolError as error:
        return refuse_client(error, request)


def _codes_for(request: HttpRequest, client: Client, parameters: Parameters) -> dict[str, Any]:
    _client_has_the_grant(client)
    resource = tuple(dict.fromkeys(parameters.resources))
    asked = parameters.get(PARAMETER)
    details = [] if asked is None else requested(client, asked)
    scopes = _scopes(client, parameters.get("scope"), resource)
    if not details:
        _scope_gives_something(scopes)
    try:
        codes = device_codes.make(client, scopes, resource, details, request)
    except RateLimitExceededError as exceeded:
        _refuse_too_many(exceeded)
    page = policy.ISSUER + policy.DEVICE_PATH
    return {
        "device_code": codes.device_code,
        "user_code": codes.user_code,
        "verification_uri": page,
        "verification_uri_complete": f"{page}?{urlencode({'user_code': codes.user_code})}",
        "expires_in": int(policy.DEVICE_CODE_LIFETIME.total_seconds()),
        "interval": policy.POLL_INTERVAL,
    }


@upholds("RFC 8628 §3.1")
def _client_has_the_grant(client: Client) -> None:
    """RFC 8628 §3.1: the operator decides which clients may ask users on another device."""
    if DEVICE_CODE not in client.grant_types:
        raise UnauthorizedClient(f"This client is not registered for the grant_type {DEVICE_CODE}.")


def _scopes(client: Client, asked: str | None, resource: tuple[str, ...]) -> frozenset[str]:
    """Return the scopes that a user is asked for, by the rules of an authorization request.

    RFC 6749 §3.3, RFC 8707 §2. Raises InvalidScope and InvalidTarget.
    """
    apis = known_apis(client, resource) if resource else []
    scopes = scopes_of(asked, CODE, client, apis)
    if apis:
        scopes_at(apis, client, scopes)
    return scopes


@upholds("RFC 6749 §3.3")
def _scope_gives_something(scopes: frozenset[str]) -> None:
    """RFC 6749 §3.3: without a scope there would be nothing to agree to."""
    if not scopes:
        raise InvalidScope(
            "None of the scopes asked for can be granted to this client; ask for openid at least."
        )


@upholds("RFC 8628 §5.1")
def _refuse_too_many(exceeded: RateLimitExceededError) -> NoReturn:
    """RFC 8628 §5.1: few codes wait at a time, so that hardly any can be guessed."""
    raise TooManyDeviceCodes.for_now(
        "Too many device codes were asked for from this IP address.", exceeded.retry_after
    ) from None
