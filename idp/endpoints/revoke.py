"""The revocation endpoint. RFC 7009."""

from django.http import HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt

from idp.endpoints.wire import answer_client, methods
from idp.models import Client
from idp.protocol.parameters import Parameters
from idp.tokens import revocation


@csrf_exempt
@methods("POST")
def revoke(http: HttpRequest) -> HttpResponse:
    """Revoke one of the client's tokens; one that isn't its own, or isn't known, is left alone."""

    def attempt(client: Client, parameters: Parameters) -> HttpResponse:
        revocation.revoke(client, parameters.require("token"))
        response = HttpResponse()
        response["Cache-Control"] = "no-store"
        return response

    return answer_client(http, attempt)
