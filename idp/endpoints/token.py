"""The token endpoint. RFC 6749 §3.2, OIDC Core §3.1.3."""

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from idp.endpoints.wire import answer, answer_client, methods
from idp.grants import GRANTS
from idp.models import Client
from idp.protocol.errors import UnauthorizedClient, UnsupportedGrantType
from idp.protocol.parameters import Parameters
from idp.tokens import response


@csrf_exempt
@methods("POST")
def token(http: HttpRequest) -> HttpResponse:
    """Authenticate the client, ask the grant it names, and issue what that gives."""
    return answer_client(http, _tokens)


def _tokens(client: Client, parameters: Parameters) -> HttpResponse:
    grant_type = parameters.require("grant_type")
    grant = GRANTS.get(grant_type)
    if grant is None:
        raise UnsupportedGrantType(f"The grant type {grant_type} is not supported.")
    if grant_type not in client.grant_types:
        raise UnauthorizedClient(f"The client is not registered for the grant type {grant_type}.")
    now = timezone.now()
    with grant(client, parameters, now) as entitlement:
        return answer(response.issue(entitlement, now))
