"""Registration: clients register, read, replace and delete themselves. RFC 7591 §3, RFC 7592 §2."""

from http import HTTPStatus
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from foundation.client_address import rate_limit_key
from idp import policy
from idp.client_metadata import REGISTERED
from idp.clients.display import hosts_of
from idp.endpoints.wire import (
    answer,
    ask_for_token,
    bearer_token_of,
    json_of,
    methods,
    refuse,
    refuse_bearer,
)
from idp.events import Kind, masked, record
from idp.models import Client
from idp.protocol.errors import InvalidRequest, InvalidToken, ProtocolError
from idp.protocol.parameters import Parameters
from idp.protocol.rules import upholds
from idp.registration import (
    documents,
    initial_access_tokens,
    lifecycle,
    policies,
    rate_limit,
    software_statements,
)
from idp.registration.lifecycle import Registration


@csrf_exempt
@methods("POST", "GET", "PUT", "DELETE")
def register(request: HttpRequest) -> HttpResponse:
    """Register a client (POST), or read, update or delete a registered one."""
    client_id: str | None = None
    parameters: Parameters | None = None
    try:
        policies.registration_is_open()
        client_id = _client_id(request)
        token = bearer_token_of(request)
        if token is None and (request.method != "POST" or policy.REGISTRATION != "open"):
            return ask_for_token()
        if request.method == "POST":
            permit = _permit(token)
            document = json_of(request)
            parameters = documents.event_parameters(document)
            return _register(request, permit, document)
        client = lifecycle.find(client_id, token or "")
        if request.method == "PUT":
            document = json_of(request)
            parameters = documents.event_parameters(document)
            return _replace(request, client, token or "", document)
        if request.method == "DELETE":
            return _delete(request, client)
        return answer(_information(lifecycle.read(client, token or "")))
    except InvalidToken as error:
        return refuse_bearer(error, request, client_id=client_id)
    except ProtocolError as error:
        return refuse(error, request, client_id=client_id, parameters=parameters)


@upholds("RFC 7591 §3.1")
def _client_id(request: HttpRequest) -> str | None:
    """Return the client_id of the address. RFC 7591 §3.1: registration has none."""
    parameters = Parameters.parse(request.META.get("QUERY_STRING", ""))
    misplaced = {"client_id", *REGISTERED} & parameters.values.keys()
    if misplaced and request.method == "POST":
        raise InvalidRequest(
            f"The parameter {min(misplaced)} came in the address; send the metadata in the body "
            "only."
        )
    parameters.refuse_repeats()
    return parameters.get("client_id")


def _permit(token: str | None) -> policies.Permit:
    if token is None:
        return policies.open_permit()
    initial = initial_access_tokens.find(token)
    initial_access_tokens.is_good(initial, timezone.now())
    return policies.permit_by(initial)


def _register(
    request: HttpRequest, permit: policies.Permit, document: dict[str, Any]
) -> HttpResponse:
    now = timezone.now()
    if permit.token is None:
        rate_limit.count(rate_limit_key(request))
    registration = lifecycle.register(document, permit, now)
    client = registration.client
    record(
        Kind.REGISTERED,
        request,
        client_id=client.client_id,
        target=f"client {client.client_id}",
        redirect_hosts=hosts_of(client),
        initial_access_token=permit.token.name if permit.token else None,
        software_statement=software_statements.issuer_of(client.software_statement),
    )
    return answer(_information(registration), HTTPStatus.CREATED)


def _replace(
    request: HttpRequest, client: Client, token: str, document: dict[str, Any]
) -> HttpResponse:
    registration, changes = lifecycle.replace(client, token, document, timezone.now())
    if changes:
        record(
            Kind.CHANGED,
            request,
            client_id=client.client_id,
            target=f"client {client.client_id}",
            reason="The app changed its own registration.",
            changes=masked(changes),
        )
    return answer(_information(registration))


def _delete(request: HttpRequest, client: Client) -> HttpResponse:
    lifecycle.delete(client)
    record(
        Kind.DELETED,
        request,
        client_id=client.client_id,
        target=f"client {client.client_id}",
        reason="The app deleted its own registration.",
    )
    return HttpResponse(status=HTTPStatus.NO_CONTENT)


def _information(registration: Registration) -> dict[str, Any]:
    """Return the client information response. RFC 7591 §3.2.1, RFC 7592 §3."""
    client = registration.client
    address = policy.address("registration_endpoint")
    members = {
        "client_id": client.client_id,
        "client_id_issued_at": int(client.created.timestamp()),
        "registration_client_uri": f"{address}?{urlencode({'client_id': client.client_id})}",
        "registration_access_token": registration.access_token,
        **documents.registered_by(client),
    }
    if client.software_statement:
        members["software_statement"] = client.software_statement
    if registration.secret is not None:
        members |= {"client_secret": registration.secret, "client_secret_expires_at": 0}
    return members
