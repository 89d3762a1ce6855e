"""The UserInfo endpoint. OIDC Core §5.3, RFC 6750."""

import re

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from idp import events, policy
from idp.claims import claims_for
from idp.endpoints.wire import FORM, answer, error_members, form_of, methods, query_of
from idp.protocol.errors import InsufficientScope, InvalidRequest, InvalidToken, ProtocolError
from idp.protocol.parameters import Parameters
from idp.statements import Bearer, find_bearer
from idp.tokens import opaque

_BEARER = re.compile(r"bearer +([A-Za-z0-9._~+/-]+=*) *", re.IGNORECASE)
_SCHEME = re.compile(r"bearer\b", re.IGNORECASE)


@csrf_exempt
@methods("GET", "POST")
def userinfo(http: HttpRequest) -> HttpResponse:
    """Return the claims that the access token's scopes ask for."""
    bearer = None
    try:
        token = _access_token(http)
        if token is None:
            return _challenge()
        bearer = find_bearer(opaque.hash_of(token), timezone.now())
        return answer(_claims(bearer))
    except ProtocolError as error:
        client_id = bearer.client_id if bearer else None
        return _refuse(error, events.denied(error, http, client_id=client_id))


def _access_token(http: HttpRequest) -> str | None:
    """Return the token from the header or the body. RFC 6750 §2; one place only, never the URL."""
    _token_is_not_in_the_address(http)
    header = http.headers.get("Authorization")
    if header is not None and _SCHEME.match(header) is None:
        header = None  # another scheme is as if nothing had come (RFC 6750 §3.1)
    posted = None
    if http.method == "POST" and http.content_type == FORM:
        parameters = Parameters.parse(form_of(http))
        parameters.refuse_repeats()
        posted = parameters.get("access_token")
    if header is None:
        return posted
    if posted is not None:
        raise InvalidRequest(
            "The access token came in the Authorization header and in the body; "
            "send it in one of them."
        )
    match = _BEARER.fullmatch(header)
    if match is None:
        raise InvalidRequest("The Authorization header is not Bearer with one access token.")
    return match[1]


def _token_is_not_in_the_address(http: HttpRequest) -> None:
    """RFC 6750 §2.3: addresses are logged and passed on, tokens must not be."""
    if "access_token" in Parameters.parse(query_of(http)).values:
        raise InvalidRequest(
            "The access token came in the address; send it in the Authorization header."
        )


def _claims(bearer: Bearer | None) -> dict[str, object]:
    """Return what the token's scopes ask for. RFC 6750 §3.1, OIDC Core §5.3."""
    if bearer is None:
        raise InvalidToken(
            "The access token is unknown: it is none of ours, or was revoked or expired long ago."
        )
    problem = bearer.problem
    if problem is not None:
        raise InvalidToken(problem)
    if bearer.resource and policy.ISSUER not in bearer.resource:
        raise InvalidToken("The access token is for an API (resource), and not for UserInfo.")
    scopes = frozenset(bearer.scope.split())
    if "openid" not in scopes:
        raise InsufficientScope(
            "The access token was not granted the scope openid, which UserInfo needs."
        )
    return claims_for(bearer.user, scopes)


def _refuse(error: ProtocolError, reference: str) -> HttpResponse:
    """Say what was wrong with the token (RFC 6750 §3)."""
    members = error_members(error, reference)
    response = answer(dict(members), error.status)
    scope = {"scope": "openid"} if isinstance(error, InsufficientScope) else {}
    response["WWW-Authenticate"] = _bearer(**members, **scope)
    return response


def _challenge() -> HttpResponse:
    """Say that a token is needed, where none came (RFC 6750 §3.1)."""
    response = HttpResponse(status=InvalidToken.status)
    response["Cache-Control"] = "no-store"
    response["WWW-Authenticate"] = _bearer()
    return response


def _bearer(**members: str) -> str:
    parts = {"realm": policy.ISSUER, **members}
    return "Bearer " + ", ".join(f'{name}="{value}"' for name, value in parts.items())
