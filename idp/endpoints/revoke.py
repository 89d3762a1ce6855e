"""The revocation endpoint. RFC 7009."""

from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt

from idp.endpoints.wire import authenticated_client, methods, refuse_client
from idp.protocol.errors import ProtocolError
from idp.tokens import revocation


@csrf_exempt
@methods("POST")
def revoke(request: HttpRequest) -> HttpResponse:
    """Revoke one of the client's tokens; one that isn't its own, or isn't known, is left alone."""
    try:
        client, parameters = authenticated_client(request)
        revocation.revoke(client, parameters.require("token"))
    except ProtocolError as error:
        return refuse_client(error, request)
    return HttpResponse()
