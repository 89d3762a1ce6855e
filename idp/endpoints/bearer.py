"""Bearer tokens as HTTP has them: where one is sent, and what its refusal says. RFC 6750 §2, §3."""

import re

from django.http import HttpRequest, HttpResponse

from idp import events, policy
from idp.endpoints.wire import answer, error_members
from idp.protocol.errors import InvalidRequest, InvalidToken, ProtocolError
from idp.protocol.parameters import Parameters
from idp.protocol.rules import upholds

_BEARER = re.compile(r"bearer +([A-Za-z0-9._~+/-]+=*) *", re.IGNORECASE)
_SCHEME = re.compile(r"bearer\b", re.IGNORECASE)


@upholds("RFC 6750 §2.1")
def token_of(request: HttpRequest) -> str | None:
    """Return the token of the Authorization header, or None. RFC 6750 §2.1."""
    if query := request.META.get("QUERY_STRING"):
        _token_is_not_in_the_address(query)
    header = request.META.get("HTTP_AUTHORIZATION")
    if header is None or _SCHEME.match(header) is None:
        return None  # another scheme is as if nothing had come (RFC 6750 §3.1)
    match = _BEARER.fullmatch(header)
    if match is None:
        raise InvalidRequest("The Authorization header is not Bearer with one access token.")
    return match[1]


@upholds("RFC 6750 §2.3")
def _token_is_not_in_the_address(query: str) -> None:
    """RFC 6750 §2.3: addresses are logged and passed on, tokens must not be."""
    if "access_token" in Parameters.parse(query).values:
        raise InvalidRequest(
            "The access token came in the address; send it in the Authorization header."
        )


def refuse(
    error: ProtocolError, request: HttpRequest, *, client_id: str | None = None, **challenge: str
) -> HttpResponse:
    """Return and record what was wrong with the token (RFC 6750 §3)."""
    members = error_members(error, events.denied(error, request, client_id=client_id))
    response = answer(dict(members), error.status)
    response["WWW-Authenticate"] = _bearer(**members, **challenge)
    return response


def ask() -> HttpResponse:
    """Say that a token is needed, where none came (RFC 6750 §3.1)."""
    response = HttpResponse(status=InvalidToken.status)
    response["Cache-Control"] = "no-store"
    response["WWW-Authenticate"] = _bearer()
    return response


def _bearer(**members: str) -> str:
    parts = {"realm": policy.ISSUER, **members}
    return "Bearer " + ", ".join(f'{name}="{value}"' for name, value in parts.items())
