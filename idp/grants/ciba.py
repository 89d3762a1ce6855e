"""The CIBA grant: a client redeems what its user has approved elsewhere. OIDC CIBA §10.1, §11."""

from datetime import datetime
from functools import partial
from typing import NoReturn

from django.http import HttpRequest

from foundation.validity import GrantFacts, Invalid, TokenFacts, why_invalid
from idp.clients.encryption import have_key_ready
from idp.grants.ended import refuse_ended
from idp.grants.polling import note_poll, poll_of, refuse_pending
from idp.models import BackchannelAuthentication, Client, Grant
from idp.protocol.errors import AccessDenied, ExpiredToken, InvalidGrant
from idp.protocol.parameters import Parameters
from idp.protocol.rules import upholds
from idp.statements.bearers import ClientVersion
from idp.statements.polls import Polled
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
    client may poll at the same moment, and nobody else can use an `auth_req_id`.
    """
    found = poll_of(request, REQUESTS, parameters.require("auth_req_id"), client, now)
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
    _use_up(found.id, now)
    grant = _valid_grant(found.id, client, found.expires, now)
    return Entitlement(
        client,
        grant,
        frozenset(grant.scope.split()),
        tuple(grant.resource),
        asked_resource=parameters.resources,
        uses_up=True,
        undo=partial(_give_back, found.id),
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
def _use_up(key: int, now: datetime) -> None:
    """OIDC CIBA §11: tokens are given once; of concurrent requests exactly one gets them."""
    unused = BackchannelAuthentication.objects.filter(pk=key, redeemed_at=None)
    if not unused.update(redeemed_at=now):
        raise InvalidGrant("The auth_req_id was used before; its tokens were given once.")


def _give_back(key: int) -> None:
    """Let it be used that no tokens were given for."""
    BackchannelAuthentication.objects.filter(pk=key).update(redeemed_at=None)


def _valid_grant(key: int, client: Client, expires: datetime, now: datetime) -> Grant:
    """Return the grant, or raise InvalidGrant if it ended between the approval and now."""
    given = Grant.objects.select_related("user", "session", "client_session")
    grant = given.filter(backchannelauthentication=key).first()
    if grant is None:
        refuse_ended("sign-in", Invalid.REVOKED)
    facts = GrantFacts(grant.revoked_at, grant.offline, grant.session, grant.user.is_active)
    reason = why_invalid(TokenFacts(expires, client.enabled, facts), now)
    if reason is not None:
        refuse_ended("sign-in", reason)
    return grant
