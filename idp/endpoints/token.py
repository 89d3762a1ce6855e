"""The token endpoint. RFC 6749 §3.2, OIDC Core §3.1.3."""

import re
from dataclasses import replace
from typing import Any

import structlog
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from foundation import metrics
from idp.endpoints.wire import answer, authenticated_client, methods, refuse_client
from idp.grants import GRANTS, GrantFunction, read_poll
from idp.models import Client
from idp.possession import dpop
from idp.possession.presenter import UNPROVEN, Presenter
from idp.possession.requests import (
    PROOFS,
    certificate_is_there,
    dpop_is_used,
    presenter_of,
)
from idp.protocol.authorization_details import PARAMETER
from idp.protocol.errors import ProtocolError, UnauthorizedClient, UnsupportedGrantType
from idp.protocol.parameters import Parameters
from idp.protocol.rules import upholds
from idp.tokens.entitlement import Entitlement
from idp.tokens.issue import issue

log = structlog.get_logger(__name__)
#: Of what the body of a poll has one in it.
_POLLS = re.compile(b"device_code=|auth_req_id=")
_KINDS = ("access_token", "refresh_token", "id_token")


@csrf_exempt
@methods("POST")
def token(request: HttpRequest) -> HttpResponse:
    """Authenticate the client, call its grant, and issue tokens."""
    try:
        reads = read_poll if _POLLS.search(request.body) else None
        client, parameters = authenticated_client(request, reads)
        proves = not PROOFS.isdisjoint(request.META)
        presenter = presenter_of(request, timezone.now()) if proves else UNPROVEN
        if client.dpop_bound_access_tokens:
            dpop_is_used(presenter)
        if client.tls_client_certificate_bound_access_tokens:
            certificate_is_there(presenter)
        return answer(tokens_for(request, client, parameters, presenter))
    except ProtocolError as error:
        return refuse_client(error, request)


def tokens_for(
    request: HttpRequest, client: Client, parameters: Parameters, presenter: Presenter = UNPROVEN
) -> dict[str, Any]:
    """Return the token response for an authenticated client, or raise ProtocolError.

    The tokens are bound to the presenter.

    If the grant is valid but no tokens can be issued, for the request's scopes or by a failure, the
    redemption of the code or refresh token is undone.
    """
    now = timezone.now()
    grant_type, entitle = _grant(client, parameters)
    entitlement = entitle(client, parameters, now, request)
    if PARAMETER in parameters.values:
        entitlement = replace(entitlement, asked_details=parameters.values[PARAMETER])
    try:
        if presenter.proof is not None:
            dpop.use_up(client.pk, presenter.proof)
        issued = issue(entitlement, now, presenter)
    except BaseException:
        if entitlement.undo is not None:
            entitlement.undo()
        raise
    if entitlement.record is not None:
        entitlement.record(issued)
    if metrics.instruments:
        metrics.instruments.tokens.labels(grant_type).inc()
    _log(grant_type, entitlement, issued)
    return issued


@upholds("RFC 6749 §5.2")
def _grant(client: Client, parameters: Parameters) -> tuple[str, GrantFunction]:
    """Return the grant type that the request names, and its function; the client has to have it.

    RFC 6749 §5.2.
    """
    grant_type = parameters.require("grant_type")
    entitle = GRANTS.get(grant_type)
    if entitle is None:
        raise UnsupportedGrantType(f"The grant_type {grant_type} is not offered here.")
    if grant_type not in client.grant_types:
        raise UnauthorizedClient(f"This client is not registered for the grant_type {grant_type}.")
    return grant_type, entitle


def _log(grant_type: str, entitlement: Entitlement, issued: dict[str, Any]) -> None:
    """Log which tokens were issued, to which client and for which user; the rows are the record."""
    grant = entitlement.grant
    log.info(
        "tokens_issued",
        client_id=entitlement.client.client_id,
        grant_type=grant_type,
        sub=grant.user.sub if grant else None,
        scope=issued.get("scope"),
        token_type=issued.get("token_type"),
        issued=list(filter(issued.get, _KINDS)),
    )
