"""The UserInfo endpoint. OIDC Core §5.3, RFC 6750."""

import json

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from accounts.levels import reaches
from foundation.statements import hash_of
from foundation.validity import why_invalid
from idp import keys, policy
from idp.claims import claims_for
from idp.clients import lookup
from idp.clients.encryption import encrypted_for
from idp.endpoints.wire import (
    FORM,
    answer,
    ask_for_token,
    bearer_token_of,
    form_of,
    methods,
    refuse_bearer,
)
from idp.possession.requests import presenter_is_the_one
from idp.protocol.errors import (
    InsufficientScope,
    InsufficientUserAuthentication,
    InvalidRequest,
    InvalidToken,
    ProtocolError,
)
from idp.protocol.parameters import Parameters
from idp.protocol.rules import upholds
from idp.statements.bearers import Bearer, find_bearer


@csrf_exempt
@methods("GET", "POST")
def userinfo(request: HttpRequest) -> HttpResponse:
    """Return the claims that the access token's scopes and request ask for."""
    bearer = None
    try:
        token = _access_token(request)
        if token is None:
            return ask_for_token()
        bearer = find_bearer(hash_of(token))
        suffices = accepted(bearer)
        by_dpop = request.META.get("HTTP_AUTHORIZATION", "")[:4].lower() == "dpop"
        if suffices.cnf or by_dpop:
            presenter_is_the_one(request, token, suffices.cnf, suffices.client.id, timezone.now())
        return answer_to(suffices)
    except ProtocolError as error:
        client_id = bearer.client.client_id if bearer else None
        return refuse_bearer(error, request, client_id=client_id, **_needed(error, bearer))


def answer_to(bearer: Bearer) -> HttpResponse:
    """Return the claims that scopes show or that were asked for by name. OIDC Core §5.3.

    They come in the form that the client registered. Raises ProtocolError.
    """
    scopes = frozenset(bearer.scope.split())
    claims = claims_for(bearer.user, scopes, bearer.claims_asked, client_id=bearer.client.client_id)
    return _as_jwt(bearer, claims) if bearer.userinfo_is_jwt else answer(claims)


def _needed(error: ProtocolError, bearer: Bearer | None) -> dict[str, str]:
    """Return the scope or level that would suffice, for the challenge. RFC 6750 §3, RFC 9470 §3."""
    if isinstance(error, InsufficientUserAuthentication) and bearer is not None:
        return {"acr_values": bearer.required_acr}
    return {"scope": "openid"} if isinstance(error, InsufficientScope) else {}


def _as_jwt(bearer: Bearer, claims: dict[str, object]) -> HttpResponse:
    """Return the claims signed, encrypted or both. OIDC Core §5.3.2.

    A signed one has no `typ`, so that it never passes for an ID token.
    """
    client = lookup.find(bearer.client.client_id, InvalidToken, bearer.client)
    claims = {**claims, "iss": policy.ISSUER, "aud": client.client_id}
    signed = client.userinfo_signed_response_alg
    body = keys.signer_for(client, signed).sign(claims, typ=None) if signed else json.dumps(claims)
    if alg := client.userinfo_encrypted_response_alg:
        enc = client.userinfo_encrypted_response_enc
        body = encrypted_for(client, body, alg=alg, enc=enc, signed=bool(signed))
    return HttpResponse(body, content_type="application/jwt")


@upholds("RFC 6750 §2")
def _access_token(request: HttpRequest) -> str | None:
    """Return the token from the header or the body. RFC 6750 §2; one place only, never the URL."""
    token = bearer_token_of(request, dpop=True)
    posted = None
    if request.method == "POST" and request.content_type == FORM:
        parameters = Parameters.parse(form_of(request))
        parameters.refuse_repeats()
        posted = parameters.get("access_token")
    if token is not None and posted is not None:
        raise InvalidRequest(
            "The access token came in the Authorization header and in the body; "
            "send it in one of them."
        )
    return token or posted


@upholds("RFC 6750 §3.1")
def accepted(bearer: Bearer | None) -> Bearer:
    """Return the access token, or raise ProtocolError where it does not suffice. RFC 6750 §3.1."""
    if bearer is None:
        raise InvalidToken(
            "The access token is unknown: it is none of ours, or was revoked or expired long ago."
        )
    reason = why_invalid(bearer.facts, timezone.now())
    if reason is not None:
        raise InvalidToken(f"The access token {reason}.")
    if bearer.resource and policy.ISSUER not in bearer.resource:
        raise InvalidToken("The access token is for an API (resource), and not for UserInfo.")
    if "openid" not in bearer.scope.split():
        raise InsufficientScope(
            "The access token was not granted the scope openid, which UserInfo needs."
        )
    if bearer.required_acr:
        _authentication_is_sufficient(bearer)
    return bearer


@upholds("RFC 9470 §3")
def _authentication_is_sufficient(bearer: Bearer) -> None:
    """RFC 9470 §3: the client's required level may have been raised after the token was issued.

    A level that does not exist any more is below every other.
    """
    required, reached = bearer.required_acr, bearer.acr
    if not (reached in policy.ACR_VALUES and reaches(reached, required)):
        raise InsufficientUserAuthentication(
            f"The user signed in below the acr {required}, which this client requires."
        )
