"""The pushed authorization request endpoint. RFC 9126 §2."""

from http import HTTPStatus

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from foundation.client_address import rate_limit_key
from idp import policy
from idp.authorization import pushed_requests
from idp.endpoints.introduction import introduce
from idp.endpoints.wire import answer, authenticated_client, methods, refuse_client
from idp.possession.requests import presenter_of
from idp.protocol.errors import ProtocolError
from idp.protocol.parameters import Parameters


@csrf_exempt
@methods("POST")
def par(request: HttpRequest) -> HttpResponse:
    """Authenticate the client, judge its authorization request, and return a reference to it."""
    try:
        client, parameters = authenticated_client(request, _introduced)
        now = timezone.now()
        presenter = presenter_of(request, now)
        request_uri = pushed_requests.push(
            client, parameters, rate_limit_key(request), now, presenter
        )
    except ProtocolError as error:
        return refuse_client(error, request)
    members = {
        "request_uri": request_uri,
        "expires_in": policy.PUSHED_REQUEST_LIFETIME.seconds,
    }
    return answer(members, HTTPStatus.CREATED)


def _introduced(request: HttpRequest, client_id: str, _parameters: Parameters) -> None:
    """Look up the document of a client that has one: this may be the first that we hear of it."""
    introduce(request, client_id)
