"""Polling: a client asks until its user has decided, and no faster than it may.

RFC 8628 §3.5, OIDC CIBA §11. `statements.polls` notes each poll.
"""

from datetime import datetime
from typing import NoReturn

from django.http import HttpRequest
from django.utils import timezone

from foundation.statements import hash_of
from idp import policy
from idp.models import Client
from idp.protocol.errors import AuthorizationPending, SlowDown
from idp.protocol.rules import upholds
from idp.statements.bearers import ClientVersion
from idp.statements.polls import Poll, Polled


def note_poll(
    request: HttpRequest, polled: Polled, secret: str | None, client_id: str
) -> ClientVersion | None:
    """Note a poll with this device_code or auth_req_id, and return its client's version.

    What was found stays on the request until the client is authenticated.
    """
    if secret is None:
        return None
    known, found = polled.poll(hash_of(secret), client_id, timezone.now())
    request.poll = found  # type: ignore[attr-defined]
    return known


def poll_of(
    request: HttpRequest, polled: Polled, secret: str, client: Client, now: datetime
) -> Poll | None:
    """Return what `note_poll` found; poll now if the body has its name in another spelling."""
    if not hasattr(request, "poll"):
        _known, found = polled.poll(hash_of(secret), client.client_id, now)
        return found
    return request.poll  # type: ignore[no-any-return]


@upholds("RFC 8628 §3.5")
def refuse_pending(*, is_early: bool) -> NoReturn:
    """RFC 8628 §3.5, OIDC CIBA §11: a client that polls too early waits longer from then on."""
    if is_early:
        raise SlowDown(
            "The user has not decided yet, and this poll came too early: wait "
            f"{policy.POLL_SLOW_DOWN} seconds longer between two polls from now on."
        )
    raise AuthorizationPending("The user has not decided yet: poll again after the interval.")
