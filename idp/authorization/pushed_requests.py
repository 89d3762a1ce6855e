"""Pushed authorization requests: a client sends its request itself, and its user a reference.

It is stored as the interaction that it becomes when its user's browser comes. RFC 9126.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from foundation import rate_limits
from foundation.rate_limits import RateLimit, RateLimitExceededError
from idp import policy
from idp.authorization import interactions, request_object
from idp.authorization.checks import check
from idp.authorization.request import Arrival, AuthorizationRequest
from idp.clients.redirect_uris import verified
from idp.models import Client, Interaction
from idp.models.grant import unguessable_id
from idp.possession import dpop
from idp.possession.presenter import UNPROVEN, Presenter, Proof
from idp.protocol import redirect_uris
from idp.protocol.errors import (
    InvalidDpopProof,
    InvalidRequest,
    InvalidRequestUri,
    TooManyPushedRequests,
)
from idp.protocol.parameters import Parameters
from idp.protocol.rules import upholds

#: What the reference of a pushed request begins with.
PREFIX = "urn:ietf:params:oauth:request_uri:"
#: Requests of clients that cannot authenticate themselves.
REQUESTS = RateLimit("pushed-requests", 120, timedelta(minutes=1))
#: Parameters that authenticate the client, and are none of its request (RFC 9126 §2.1).
_OF_THE_CLIENT = frozenset({"client_secret", "client_assertion", "client_assertion_type"})


def push(
    client: Client,
    parameters: Parameters,
    visitor: str,
    now: datetime,
    presenter: Presenter = UNPROVEN,
) -> str:
    """Judge and store a request of an authenticated client; return its request_uri.

    `visitor` is the key of rate limits; the code will be bound to the DPoP key of `presenter`, who
    pushes. Raises ProtocolError as the authorization endpoint would.
    """
    _is_no_reference(parameters)
    if client.is_public:
        _are_few(visitor)
    arrival = Arrival(_of_the_request(client, parameters), now)
    signed = request_object.read(client, arrival, visitor, now)
    if signed is not None:
        request_object.check(client, signed, now)
        arrival = Arrival(signed.parameters, now)
    if presenter.proof is not None:
        arrival = Arrival(_bound_to(presenter.proof, arrival.parameters), now)
    reply_to = verified(client, arrival.parameters, pushed_uri(client, arrival.parameters))
    check(AuthorizationRequest.parse(arrival, reply_to))
    if presenter.proof is not None:
        dpop.use_up(client.pk, presenter.proof)
    row = Interaction.objects.create(
        client=client,
        parameters=dict(arrival.parameters.values),
        resources=list(arrival.parameters.resources),
        arrived_at=now,
        was_pushed=True,
        pushed_as=unguessable_id(),
    )
    return f"{PREFIX}{row.pushed_as}"


def take(client: Client, arrival: Arrival, now: datetime) -> Arrival:
    """Return the pushed request that a request names; any other as it came.

    Raises InvalidRequestUri. Parameters beside the reference are ignored (RFC 9126 §4). Its answer
    uses it up, not a visit: users reload, and programs look at addresses before them (FAPI 2.0
    Security Profile §5.3.2.2).
    """
    reference = arrival.parameters.get("request_uri") or ""
    if arrival.interaction_id is not None or not reference.startswith(PREFIX):
        return arrival
    row = Interaction.objects.filter(
        pushed_as=reference.removeprefix(PREFIX),
        client=client,
        arrived_at__gt=now - policy.PUSHED_REQUEST_LIFETIME,
    ).first()
    return interactions.arrival_of(_not_used_up(row))


@upholds("RFC 9126 §7.3")
def _not_used_up(row: Interaction | None) -> Interaction:
    """RFC 9126 §2.2, §7.3: a reference is its client's own, short-lived, and answered once."""
    if row is not None and row.answered_at is None:
        return row
    raise InvalidRequestUri(
        "The request_uri was used before, has expired, or is of another client; each is answered "
        f"once, within {policy.PUSHED_REQUEST_LIFETIME.seconds} seconds."
    )


@upholds("RFC 9126 §5")
def was_pushed_where_required(client: Client, arrival: Arrival) -> None:
    """RFC 9126 §5, §6: only pushed requests, where the client or the server says so."""
    required = client.has_to_push or policy.REQUIRE_PUSHED_REQUESTS
    if required and not arrival.was_pushed and arrival.tested_in is None:
        raise InvalidRequest(
            "The request has to be pushed: send it to the pushed_authorization_request_endpoint "
            "first, and come here with the request_uri that you get."
        )


def pushed_uri(client: Client, parameters: Parameters) -> str | None:
    """Return the redirect URI that a pushed request may bring though it is not registered, or None.

    RFC 9126 §2.4: where the operator allows that, for clients that authenticate themselves.
    """
    uri = parameters.get("redirect_uri")
    if uri is None or client.is_public or not policy.PUSHED_REDIRECT_URIS:
        return None
    kind = Client.ApplicationType.WEB
    return None if redirect_uris.problem_with(uri, application_type=kind) else uri


@upholds("RFC 9449 §10.1")
def _bound_to(proof: Proof, parameters: Parameters) -> Parameters:
    """Return the parameters with the key of the proof, which may be named beside it (dpop_jkt)."""
    if parameters.get("dpop_jkt") not in {None, proof.jkt}:
        raise InvalidDpopProof("The key of the DPoP proof is another than dpop_jkt names.")
    return replace(parameters, values={**parameters.values, "dpop_jkt": proof.jkt})


@upholds("RFC 9126 §2.1")
def _is_no_reference(parameters: Parameters) -> None:
    """RFC 9126 §2.1: what is pushed is a request, not where one is."""
    if "request_uri" in parameters.values:
        raise InvalidRequest("The parameter request_uri cannot be pushed; send the request itself.")


@upholds("RFC 9126 §7.1")
def _are_few(visitor: str) -> None:
    """RFC 9126 §7.1: who needs no secret to push requests cannot push any number."""
    try:
        rate_limits.count((REQUESTS, visitor))
    except RateLimitExceededError as exceeded:
        raise TooManyPushedRequests.for_now(
            "Too many requests were pushed from this IP address.", exceeded.retry_after
        ) from None


@upholds("RFC 9126 §3")
def _of_the_request(client: Client, parameters: Parameters) -> Parameters:
    """Return the parameters without those of the client; beside a request object, none counts."""
    signed = "request" in parameters.values
    values = {
        name: value
        for name, value in parameters.values.items()
        if (name == "request" if signed else name not in _OF_THE_CLIENT)
    }
    resources = () if signed else parameters.resources
    return Parameters({**values, "client_id": client.client_id}, parameters.repeated, resources)
