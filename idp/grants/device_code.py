"""The device authorization grant: a device polls until its user decides. RFC 8628 §3.4, §3.5."""

from datetime import datetime
from functools import partial
from typing import NoReturn

from django.http import HttpRequest

from foundation.statements import hash_of
from foundation.validity import facts_of, why_invalid
from idp import policy
from idp.clients.encryption import have_key_ready
from idp.grants.ended import end_reused, refuse_ended
from idp.grants.polling import note_poll, poll_of, refuse_pending
from idp.models import Client, DeviceCode
from idp.protocol.errors import AccessDenied, ExpiredToken, InvalidGrant
from idp.protocol.parameters import Parameters
from idp.protocol.rules import upholds
from idp.statements.bearers import ClientVersion
from idp.statements.polls import Poll, Polled
from idp.statements.tokens import DEVICE_CODES, give_back, use_up
from idp.tokens.entitlement import Entitlement

CODES = Polled("idp_devicecode", "device_code", "application_id")


def read_poll(request: HttpRequest, client_id: str, parameters: Parameters) -> ClientVersion | None:
    """Note the poll of a token request with a device code, and return its client's version."""
    return note_poll(request, CODES, parameters.get("device_code"), client_id)


def redeem(
    client: Client, parameters: Parameters, now: datetime, request: HttpRequest
) -> Entitlement:
    """Use an approved device code up, and return its entitlement.

    Raises AuthorizationPending, SlowDown, AccessDenied, ExpiredToken and InvalidGrant. A code that
    is redeemed a second time revokes its grant, as an authorization code does.
    """
    device_code = parameters.require("device_code")
    code_hash = hash_of(device_code)
    found = poll_of(request, CODES, device_code, client, now)
    if found is None:
        _refuse_unknown()
    if found.is_redeemed:
        _refuse_used(code_hash, client, now)
    _has_not_expired(found, now)
    _is_decided(found)
    _is_approved(found)
    if client.id_token_encrypted_response_alg:
        have_key_ready(client, client.id_token_encrypted_response_alg)
    code = use_up(DEVICE_CODES, code_hash, client, now)
    if code is None:  # another poll at the same moment was first
        _refuse_used(code_hash, client, now)
    reason = why_invalid(facts_of(code), now)
    if reason is not None:
        refuse_ended("device code", reason)
    grant = code.grant
    return Entitlement(
        client,
        grant,
        frozenset(grant.scope.split()),
        tuple(grant.resource),
        asked_resource=parameters.resources,
        uses_up=True,
        undo=partial(give_back, DEVICE_CODES, code),
    )


@upholds("RFC 8628 §3.5")
def _refuse_unknown() -> NoReturn:
    """RFC 8628 §3.5, RFC 6749 §5.2: a code is its client's, and gone some time after it expired."""
    raise InvalidGrant(
        "The device_code is unknown: it is not one that was given to this client, or is long over."
    )


@upholds("RFC 8628 §3.5")
def _has_not_expired(found: Poll, now: datetime) -> None:
    """RFC 8628 §3.5: an expired code gives nothing, approved or not."""
    if found.expires <= now:
        minutes = int(policy.DEVICE_CODE_LIFETIME.total_seconds() // 60)
        raise ExpiredToken(
            f"The device_code has expired: codes live for {minutes} minutes. Ask for another one."
        )


@upholds("RFC 8628 §3.5")
def _is_decided(found: Poll) -> None:
    """RFC 8628 §3.5: a client polls until its user has decided, and no faster than it may."""
    if found.status == DeviceCode.AUTHORIZATION_PENDING:
        refuse_pending(is_early=found.is_early)


@upholds("RFC 8628 §3.5")
def _is_approved(found: Poll) -> None:
    """RFC 8628 §3.5: a user's no is brought to the client."""
    if found.status != DeviceCode.AUTHORIZED:
        raise AccessDenied("The user chose not to allow this.")


@upholds("RFC 8628 §3.5")
def _refuse_used(code_hash: str, client: Client, now: datetime) -> NoReturn:
    """RFC 8628 §3.5, RFC 9700 §4.14: a second use may be a thief's, so the grant is revoked."""
    replayed = DeviceCode.objects.filter(
        device_code=code_hash, application=client, redeemed_at__isnull=False
    )
    end_reused(replayed, client, "A device code came a second time.", now)
    raise InvalidGrant(
        "The device_code was used before, so all that it had given has been revoked."
    )
