"""Device codes: made for a client, found by what a user types, approved or denied. RFC 8628 §3.

What is approved belongs to a session of its own, which no browser has (docs/adr/0042): the user
sees it among their devices, and ends it there.
"""

import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from django.db import IntegrityError, transaction
from django.http import HttpRequest

from accounts.authentication import authentication_in
from accounts.models import Session
from accounts.sessions import begin_at_device
from foundation import rate_limits, server_keys
from foundation.client_address import client_address, network_of, rate_limit_key
from foundation.rate_limits import Counted, RateLimit
from foundation.statements import hash_of
from idp import policy
from idp.models import Client, ClientSession, DeviceCode, Grant
from idp.protocol.authorization_details import Detail

#: Codes that one client asks for from one IP address, and all clients there.
REQUESTS: Final = RateLimit("device-codes", 30, timedelta(minutes=1))
REQUESTS_IP_ADDRESS: Final = RateLimit("device-codes-ip-address", 60, timedelta(minutes=1))
#: Codes that a user types, and those typed at one IP address; right ones are not counted.
ATTEMPTS: Final = RateLimit("device-code-attempts", 10, timedelta(hours=1))
ATTEMPTS_DAY: Final = RateLimit("device-code-attempts-day", 40, timedelta(days=1))
ATTEMPTS_IP_ADDRESS: Final = RateLimit("device-code-attempts-ip-address", 60, timedelta(hours=1))

#: RFC 8628 §6.1: consonants alone, so that no letter is taken for a digit and no word comes out.
_ALPHABET: Final = "BCDFGHJKLMNPQRSTVWXZ"
_LENGTH: Final = 8
_HALF: Final = _LENGTH // 2
_PURPOSE = "user code of a device"


class DecidedError(Exception):
    """The code was approved, denied or expired meanwhile."""


@dataclass(frozen=True)
class NewCodes:
    """The codes of a request, which are stored as hashes alone."""

    device_code: str
    #: As a device shows it: `WDJB-MJHT`.
    user_code: str


def make(
    client: Client,
    scopes: frozenset[str],
    resource: Sequence[str],
    details: list[Detail],
    request: HttpRequest,
) -> NewCodes:
    """Store a request for authorization, and return its codes. RFC 8628 §3.2.

    Raises RateLimitExceededError.
    """
    here = rate_limit_key(request)
    rate_limits.count((REQUESTS, f"{client.client_id} {here}"), (REQUESTS_IP_ADDRESS, here))
    device_code = secrets.token_urlsafe(32)
    row = DeviceCode(
        application=client,
        device_code=hash_of(device_code),
        scope=" ".join(sorted(scopes)),
        resource=list(resource),
        authorization_details=details or None,
        interval=policy.POLL_INTERVAL,
        ip_address=client_address(request),
        user_agent=request.headers.get("User-Agent", "")[:400],
    )
    row.expires = row.created_at + policy.DEVICE_CODE_LIFETIME
    return NewCodes(device_code, _stored(row))


def _stored(row: DeviceCode) -> str:
    """Store a row with a user code that no other one has, and return that."""
    for _ in range(3):
        letters = "".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH))
        row.user_code = server_keys.keyed_hash(letters, _PURPOSE)
        try:
            with transaction.atomic():
                row.save(force_insert=True)
        except IntegrityError:  # of 25,600,000,000 codes this one is taken
            continue
        return shown(letters)
    raise RuntimeError("No user code is free.")


def shown(letters: str) -> str:
    """Return the letters of a user code as devices and pages show them."""
    return f"{letters[:_HALF]}-{letters[_HALF:]}"


def letters_in(typed: str) -> str:
    """Return the letters of a code as it was typed: capitals, without separators; maybe no code.

    RFC 8628 §6.1.
    """
    return re.sub(r"[\W_]", "", typed).upper()


def is_whole(letters: str) -> bool:
    """Whether these can be the letters of a user code."""
    return len(letters) == _LENGTH and set(letters) <= set(_ALPHABET)


def counted_by(session: Session, request: HttpRequest) -> list[Counted]:
    """Count a code that a user has typed before it is looked up. RFC 8628 §5.1.

    Returns the counts to take back if it is right. Raises RateLimitExceededError.
    """
    user = str(session.user_id)
    counted = [
        (ATTEMPTS, user),
        (ATTEMPTS_DAY, user),
        (ATTEMPTS_IP_ADDRESS, rate_limit_key(request)),
    ]
    rate_limits.count(*counted)
    return counted


def find(letters: str, now: datetime) -> DeviceCode | None:
    """Return the row of a user code that waits for a decision, with its client, or None."""
    waiting = DeviceCode.objects.select_related("application").filter(
        user_code__in=server_keys.keyed_hashes(letters, _PURPOSE),
        status=DeviceCode.AUTHORIZATION_PENDING,
        expires__gt=now,
        application__enabled=True,
    )
    return waiting.first()  # type: ignore[no-any-return]


def approve(row: DeviceCode, approving: Session, now: datetime) -> Grant:
    """Store the grant of an approved code, in a session of the device's own.

    Raises DecidedError if it was decided before or has expired: of several decisions at once, one
    counts.
    """
    with transaction.atomic():
        _decide(row, DeviceCode.AUTHORIZED, approving, now)
        session = begin_at_device(approving, row.ip_address, row.user_agent, now)
        grant = _grant(row, approving, session)
        DeviceCode.objects.filter(pk=row.pk).update(grant=grant)
    return grant


def deny(row: DeviceCode, denying: Session, now: datetime) -> None:
    """Store that the user said no. Raises DecidedError as `approve` does."""
    _decide(row, DeviceCode.DENIED, denying, now)


def _decide(row: DeviceCode, status: str, session: Session, now: datetime) -> None:
    """Decide once: a concurrent decision waits for the row, and finds it decided."""
    waiting = DeviceCode.objects.filter(
        pk=row.pk, status=DeviceCode.AUTHORIZATION_PENDING, expires__gt=now
    )
    if not waiting.update(status=status, user=session.user):
        raise DecidedError


def _grant(row: DeviceCode, approving: Session, session: Session) -> Grant:
    """Return the stored grant: with the user's authentication, and without limits of a browser."""
    authentication = authentication_in(approving)
    client = row.application
    return Grant.objects.create(
        client=client,
        user=approving.user,
        session=session,
        client_session=ClientSession.objects.create(client=client, session=session),
        scope=row.scope,
        resource=row.resource,
        authorization_details=row.authorization_details,
        offline=True,
        auth_time=authentication.authenticated_at,
        acr=authentication.acr,
        amr=list(authentication.amr),
    )


def is_elsewhere(row: DeviceCode, request: HttpRequest) -> bool:
    """Whether a code was asked for from another network than this request comes from."""
    return row.ip_address is None or network_of(row.ip_address) != rate_limit_key(request)
