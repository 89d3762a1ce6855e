"""The backchannel authentication endpoint. OIDC CIBA §7."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from foundation.client_address import client_address
from idp import events, policy
from idp.authorization import backchannel_asking, backchannel_hints, backchannel_signed
from idp.authorization.backchannel_asking import Asked
from idp.authorization.backchannel_request import BackchannelRequest, client_may_ask
from idp.endpoints.wire import answer, authenticated_client, methods, refuse_client
from idp.models import Client
from idp.protocol.errors import ProtocolError
from idp.protocol.parameters import Parameters


@csrf_exempt
@methods("POST")
def bc_authorize(request: HttpRequest) -> HttpResponse:
    """Authenticate the client, and ask the user whom it names to sign in."""
    try:
        client, parameters = authenticated_client(request)
        return answer(_asked(request, client, parameters))
    except ProtocolError as error:
        return refuse_client(error, request)


def _asked(request: HttpRequest, client: Client, sent: Parameters) -> dict[str, Any]:
    """Return the members of the response, or raise ProtocolError. OIDC CIBA §7.3."""
    now = timezone.now()
    client_may_ask(client)
    parameters = backchannel_signed.parameters_of(client, sent, now)
    asked_for = BackchannelRequest.parse(client, parameters)
    named = backchannel_hints.named_by(client, parameters)
    backchannel_asking.count(asked_for, named)
    asked = backchannel_asking.ask(
        asked_for, named, interval=policy.POLL_INTERVAL, ip_address=client_address(request), now=now
    )
    _record(request, asked)
    return {
        "auth_req_id": asked.auth_req_id,
        "expires_in": int(asked_for.expires_in.total_seconds()),
        "interval": policy.POLL_INTERVAL,
    }


def _record(request: HttpRequest, asked: Asked) -> None:
    row = asked.row
    events.record(
        events.Kind.SIGN_IN_ASKED,
        request,
        user=row.user,
        client_id=row.client.client_id,
        reason="" if row.user else "The hint names no user who could answer: nobody was asked.",
        scope=row.scope,
        binding_message=row.binding_message,
    )
