"""The token endpoint. RFC 6749 §3.2, OIDC Core §3.1.3."""

from datetime import datetime
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from accounts.network import client_address
from idp.clients.authentication import Credentials, authenticate, credentials_of
from idp.clients.lookup import with_client
from idp.endpoints.wire import answer, body_parameters, methods, refuse
from idp.grants import GRANTS
from idp.models import Client
from idp.protocol.errors import (
    InvalidClient,
    ProtocolError,
    UnauthorizedClient,
    UnsupportedGrantType,
)
from idp.protocol.parameters import Parameters
from idp.tokens import response


@csrf_exempt
@methods("POST")
def token(http: HttpRequest) -> HttpResponse:
    """Authenticate the client, ask the grant it names, and issue what that gives."""
    credentials: Credentials | None = None
    try:
        parameters = body_parameters(http)
        credentials = sent = credentials_of(http.headers.get("Authorization"), parameters)
        now = timezone.now()

        def attempt(client: Client) -> dict[str, Any]:
            authenticate(client, sent, client_address(http) or "unknown", now)
            return _tokens(client, parameters, now)

        unknown = InvalidClient("The client is unknown, or is disabled.")
        return answer(with_client(credentials.client_id, unknown, attempt))
    except ProtocolError as error:
        return refuse(error, at=http.path, client_id=credentials.client_id if credentials else None)


def _tokens(client: Client, parameters: Parameters, now: datetime) -> dict[str, Any]:
    grant_type = parameters.require("grant_type")
    grant = GRANTS.get(grant_type)
    if grant is None:
        raise UnsupportedGrantType(f"The grant type {grant_type} is not supported.")
    if grant_type not in client.grant_types:
        raise UnauthorizedClient(f"The client is not registered for the grant type {grant_type}.")
    with grant(client, parameters, now) as entitlement:
        return response.issue(entitlement, now)
