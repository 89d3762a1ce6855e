"""The CIBA grant: a client redeems what its user has approved elsewhere. OIDC CIBA §10.1, §11."""

from datetime import datetime
from functools import partial
from typing import NoReturn

from django.http import HttpRequest

from foundation.statements import hash_of
from foundation.validity import facts_of, why_invalid
from idp.clients.encryption import have_key_ready
from idp.grants.ended import refuse_ended
from idp.grants.polling import note_poll, poll_of, refuse_pending
from idp.models import BackchannelAuthentication, Client
from idp.protocol.errors import AccessDenied, ExpiredToken, InvalidGrant
from idp.protocol.parameters import Parameters
from idp.protocol.rules import upholds
from idp.statements.bearers import ClientVersion
from idp.statements.polls import Polled
from idp.statements.tokens import BACKCHANNEL_REQUESTS, give_back, use_up
from idp.tokens.entitlement import Entitlement

Status = BackchannelAuthentication.Status


REQUESTS = Polled("idp_backchannelauthentication", "id_hash", "client_id")


def read_poll(request: HttpRequest, client_id: str, parameters: Parameters) -> ClientVersion | None:
    """Note the poll of a token request with an auth_req_id, and return its client's version."""
    return note_poll(request, REQUESTS, parameters.get("auth_req_id"), client_id)


def redeem(
    client: Client, parameters: Parameters, now: datetime, request: HttpRequest
) -> Entitlement:
    """Use the request up if its user has approved it, and return its entitlement.

    Raises AuthorizationPending, SlowDown, ExpiredToken, AccessDenied, and InvalidGrant for one that
    is unknown, another client's or was used. A second use revokes nothing: two processes of a
    client may poll at the same moment, and no other can use an `auth_req_id`.
    """
    auth_req_id = parameters.require("auth_req_id")
    found = poll_of(request, REQUESTS, auth_req_id, client, now)
    if found is None:
        _refuse_unknown()
    if found.status == Status.DENIED:
        _refuse_denied()
    if found.expires <= now:
        _refuse_expired()
    if found.status == Status.PENDING:
        refuse_pending(is_early=found.is_early)
    if client.id_token_encrypted_response_alg:
        have_key_ready(client, client.id_token_encrypted_response_alg)
    approved = use_up(BACKCHANNEL_REQUESTS, hash_of(auth_req_id), client, now)
    if approved is None or approved.grant is None:
        _refuse_used()
    reason = why_invalid(facts_of(approved), now)
    if reason is not None:
        refuse_ended("sign-in", reason)
    grant = approved.grant
    return Entitlement(
        client,
        grant,
        frozenset(grant.scope.split()),
        tuple(grant.resource),
        asked_resource=parameters.resources,
        uses_up=True,
        undo=partial(give_back, BACKCHANNEL_REQUESTS, approved),
    )


@upholds("OIDC CIBA §11")
def _refuse_unknown() -> NoReturn:
    """OIDC CIBA §11: the auth_req_id is one that this client was given."""
    raise InvalidGrant(
        "The auth_req_id is unknown: it is not one that was given to this client, or is long over."
    )


@upholds("OIDC CIBA §11")
def _refuse_denied() -> NoReturn:
    """OIDC CIBA §11: the user said no."""
    raise AccessDenied("The user chose not to sign in, or did not ask for it.")


@upholds("OIDC CIBA §11")
def _refuse_expired() -> NoReturn:
    """OIDC CIBA §11: the user did not answer in time."""
    raise ExpiredToken("The user did not answer in time; begin again.")


@upholds("OIDC CIBA §11")
def _refuse_used() -> NoReturn:
    """OIDC CIBA §11: tokens are given once; of concurrent requests exactly one gets them."""
    raise InvalidGrant(
        "The auth_req_id was used before, when its tokens were given, or its grant is gone."
    )
