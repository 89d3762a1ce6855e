"""Requests and answers of protocol endpoints as HTTP has them. RFC 6749 §5, RFC 6750 §3."""

import json
import re
from collections.abc import Callable
from contextlib import suppress
from functools import wraps
from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed

from idp import events, policy
from idp.clients.authentication import authenticated, credentials_of
from idp.models import Client
from idp.protocol import json_objects
from idp.protocol.errors import (
    InvalidDpopProof,
    InvalidRequest,
    InvalidToken,
    ProtocolError,
    UseDpopNonce,
)
from idp.protocol.parameters import Parameters
from idp.protocol.rules import upholds
from idp.protocol.vocabulary import TOKEN_REQUEST_PARAMETERS
from idp.statements.bearers import ClientVersion

FORM = "application/x-www-form-urlencoded"
JSON = "application/json"
_BEARER = re.compile(r"(?:bearer|dpop) +([A-Za-z0-9._~+/-]+=*) *", re.IGNORECASE)
_BEARER_SCHEME = re.compile(r"bearer\b", re.IGNORECASE)
_BEARER_OR_DPOP = re.compile(r"(?:bearer|dpop)\b", re.IGNORECASE)
View = Callable[[HttpRequest], HttpResponse]
#: Reads what a request with this client_id is about, and maybe the client's version with it.
Reader = Callable[[HttpRequest, str, Parameters], ClientVersion | None]


@upholds("RFC 6749 §4.1.3")
def form_of(request: HttpRequest) -> str:
    """Return the form-encoded body as it came, or raise InvalidRequest. RFC 6749 §4.1.3."""
    if request.content_type != FORM:
        raise _other_type(request, FORM)
    try:
        return request.body.decode("utf-8")
    except UnicodeDecodeError:
        message = "The body cannot be read; it has to be percent-encoded UTF-8."
        raise InvalidRequest(message) from None


@upholds("RFC 7591 §3.1")
def json_of(request: HttpRequest) -> dict[str, Any]:
    """Return the JSON object that the body is, or raise InvalidRequest. RFC 7591 §3.1."""
    if request.content_type != JSON:
        raise _other_type(request, JSON)
    try:
        return json_objects.parse(request.body.decode("utf-8"))
    except UnicodeDecodeError:
        raise InvalidRequest("The body cannot be read; it has to be JSON in UTF-8.") from None


def _other_type(request: HttpRequest, expected: str) -> InvalidRequest:
    """Return the error for a body of another type than expected."""
    came = f"Content-Type {request.content_type}" if request.content_type else "no Content-Type"
    return InvalidRequest(f"The body came with {came}; its Content-Type has to be {expected}.")


def body_parameters(request: HttpRequest) -> Parameters:
    """Return the parameters of a POST's body.

    Raises InvalidRequest, also for known parameters in the query; others are ignored there.
    """
    if query := request.META.get("QUERY_STRING"):
        _nothing_is_misplaced(query)
    return Parameters.parse(form_of(request))


@upholds("RFC 6749 §2.3.1")
def _nothing_is_misplaced(query: str) -> None:
    """RFC 6749 §2.3.1, §3.2: secrets never go in a URL."""
    misplaced = TOKEN_REQUEST_PARAMETERS & Parameters.parse(query).values.keys()
    if misplaced:
        raise InvalidRequest(
            f"The parameter {min(misplaced)} came in the address; send it in the body of the "
            "request only."
        )


@upholds("RFC 6750 §2.1")
def bearer_token_of(request: HttpRequest, *, dpop: bool = False) -> str | None:
    """Return the token of the Authorization header, or None. RFC 6750 §2.1.

    With `dpop`, also one with the scheme DPoP (RFC 9449 §7.1): the caller looks which it is.
    """
    if query := request.META.get("QUERY_STRING"):
        _token_is_not_in_the_address(query)
    header = request.META.get("HTTP_AUTHORIZATION")
    scheme = _BEARER_OR_DPOP if dpop else _BEARER_SCHEME
    if header is None or scheme.match(header) is None:
        return None  # another scheme counts as no credentials (RFC 6750 §3.1)
    match = _BEARER.fullmatch(header)
    if match is None:
        schemes = "Bearer or DPoP" if dpop else "Bearer"
        raise InvalidRequest(f"The Authorization header is not {schemes} with one access token.")
    return match[1]


@upholds("RFC 6750 §2.3")
def _token_is_not_in_the_address(query: str) -> None:
    """RFC 6750 §2.3: addresses are logged and passed on, tokens must not be."""
    if "access_token" in Parameters.parse(query).values:
        raise InvalidRequest(
            "The access token came in the address; send it in the Authorization header."
        )


def answer(members: dict[str, Any], status: int = HTTPStatus.OK) -> HttpResponse:
    """Return a JSON response (RFC 6749 §5.1)."""
    response = HttpResponse(json.dumps(members).encode(), content_type=JSON, status=status)
    response["Pragma"] = "no-cache"
    return response


def error_members(error: ProtocolError, reference: str) -> dict[str, str]:
    """Return an error as the members of a JSON answer (RFC 6749 §5.2)."""
    return {
        "error": error.code,
        "error_description": error.description,
        "error_uri": policy.error_uri(error.page, reference),
    }


def refuse(
    error: ProtocolError,
    request: HttpRequest,
    *,
    client_id: str | None = None,
    parameters: Parameters | None = None,
) -> HttpResponse:
    """Return and record an error; a 401 says how to authenticate (RFC 6749 §5.2).

    An error that is no denial is not recorded: a pending device code is polled all the time.
    """
    if not error.is_denial:
        return answer({"error": error.code, "error_description": error.description}, error.status)
    reference = events.denied(error, request, client_id=client_id, parameters=parameters)
    response = answer(error_members(error, reference), error.status)
    if error.status == HTTPStatus.UNAUTHORIZED:
        response["WWW-Authenticate"] = f'Basic realm="{policy.ISSUER}"'
    if error.retry_after is not None:
        response["Retry-After"] = str(error.retry_after)
    return response


def authenticated_client(
    request: HttpRequest, read: Reader | None = None
) -> tuple[Client, Parameters]:
    """Return the client that a form request comes from, authenticated, and its parameters.

    `read`, if given, may read the client's version along with something else. Raises ProtocolError.
    """
    parameters = body_parameters(request)
    credentials = credentials_of(request.META.get("HTTP_AUTHORIZATION"), parameters)
    client_id = request.client_id = credentials.client_id  # type: ignore[attr-defined]
    known = read(request, client_id, parameters) if read else None
    return authenticated(credentials, request, known), parameters


def refuse_client(error: ProtocolError, request: HttpRequest) -> HttpResponse:
    """Return an error to the client of a form request, and record its parameters.

    The client is the one whose credentials were read (`request.client_id`), which is not done again
    since it can take statements; else the one that the body names.
    """
    client_id, parameters = None, None
    with suppress(ProtocolError):
        parameters = body_parameters(request)
        client_id = getattr(request, "client_id", parameters.get("client_id"))
    return refuse(error, request, client_id=client_id, parameters=parameters)


def refuse_bearer(
    error: ProtocolError, request: HttpRequest, *, client_id: str | None = None, **challenge: str
) -> HttpResponse:
    """Return and record an error of the token (RFC 6750 §3)."""
    if error.is_denial:
        members = error_members(error, events.denied(error, request, client_id=client_id))
    else:
        members = {"error": error.code, "error_description": error.description}
    is_of_proof = isinstance(error, InvalidDpopProof | UseDpopNonce)  # RFC 9449 §7.1, §9
    response = answer(dict(members), HTTPStatus.UNAUTHORIZED if is_of_proof else error.status)
    response["WWW-Authenticate"] = _challenge(**members, **challenge)
    return response


def ask_for_token() -> HttpResponse:
    """Return a challenge without an error if no token was sent (RFC 6750 §3.1)."""
    response = HttpResponse(status=InvalidToken.status)
    response["WWW-Authenticate"] = _challenge()
    return response


def _challenge(**members: str) -> str:
    parts = {"realm": policy.ISSUER, **members}
    return "Bearer " + ", ".join(f'{name}="{value}"' for name, value in parts.items())


def methods(*allowed: str) -> Callable[[View], View]:
    """Answer other methods with 405 and an error in JSON."""

    def decorate(view: View) -> View:
        @wraps(view)
        def checked(request: HttpRequest) -> HttpResponse:
            return view(request) if request.method in allowed else _refuse_method(request, allowed)

        return checked

    return decorate


def _refuse_method(request: HttpRequest, allowed: tuple[str, ...]) -> HttpResponse:
    try:
        _method_is_allowed(request, allowed)
    except InvalidRequest as error:
        refused = refuse(error, request)
    refused.status_code = HTTPStatus.METHOD_NOT_ALLOWED
    refused["Allow"] = HttpResponseNotAllowed(allowed)["Allow"]
    return refused


@upholds("RFC 9110 §15.5.6")
def _method_is_allowed(request: HttpRequest, allowed: tuple[str, ...]) -> None:
    """RFC 9110 §15.5.6: each address takes the methods that its specification names."""
    if request.method not in allowed:
        message = (
            f"The request came as {request.method}; this address takes {' or '.join(allowed)}."
        )
        raise InvalidRequest(message)
