"""The introspection endpoint. RFC 7662; signed answers, RFC 9701."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from foundation.statements import hash_of
from idp import keys, policy
from idp.clients.authentication import authenticated, credentials_of
from idp.endpoints.wire import answer, body_parameters, methods, refuse_client
from idp.models import Client
from idp.protocol.errors import ProtocolError, UnauthorizedClient
from idp.protocol.rules import upholds
from idp.statements.bearers import find_bearer
from idp.tokens.introspection import introspected

SIGNED = "application/token-introspection+jwt"


@csrf_exempt
@methods("POST")
def introspect(request: HttpRequest) -> HttpResponse:
    """Return a token's state to its own client or to the API it is for; inactive to others."""
    try:
        parameters = body_parameters(request)
        credentials = credentials_of(request.META.get("HTTP_AUTHORIZATION"), parameters)
        request.client_id = credentials.client_id  # type: ignore[attr-defined]
        token_hash = hash_of(parameters.get("token") or "")
        bearer = find_bearer(token_hash)  # with its client, which usually sends this
        client = authenticated(credentials, request, bearer.client if bearer else None)
        _client_has_a_secret(client)
        parameters.require("token")
        members = introspected(client, bearer, token_hash, timezone.now())
    except ProtocolError as error:
        return refuse_client(error, request)
    return (
        _signed(client, members) if SIGNED in request.headers.get("Accept", "") else answer(members)
    )


@upholds("RFC 7662 §2.1")
def _client_has_a_secret(client: Client) -> None:
    """RFC 7662 §2.1: the client has to authenticate, or it could scan for tokens."""
    if client.is_public:
        raise UnauthorizedClient("A client without a secret cannot ask what tokens are.")


def _signed(client: Client, members: dict[str, Any]) -> HttpResponse:
    """Return the response as a JWT for this client. RFC 9701 §5."""
    signer = keys.active_signer(client.introspection_signed_response_alg)
    claims = {
        "iss": policy.ISSUER,
        "aud": client.client_id,
        "iat": int(timezone.now().timestamp()),
        "token_introspection": members,
    }
    return HttpResponse(signer.sign(claims, typ="token-introspection+jwt"), content_type=SIGNED)
