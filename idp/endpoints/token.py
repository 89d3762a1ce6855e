"""The token endpoint. RFC 6749 §3.2, OIDC Core §3.1.3."""

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from idp.endpoints.wire import answer, answer_client, methods
from idp.grants import GRANTS, Grant
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
    now = timezone.now()
    with _grant(client, parameters)(client, parameters, now) as entitlement:
        return answer(response.issue(entitlement, now))


def _grant(client: Client, parameters: Parameters) -> Grant:
    """Return the grant that the request names, which the client has to be registered for.

    RFC 6749 §5.2.
    """
    grant_type = parameters.require("grant_type")
    grant = GRANTS.get(grant_type)
    if grant is None:
        raise UnsupportedGrantType(f"The grant_type {grant_type} is not offered here.")
    if grant_type not in client.grant_types:
        raise UnauthorizedClient(f"This client is not registered for the grant_type {grant_type}.")
    return grant
