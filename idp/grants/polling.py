"""Polling: a client asks until its user has decided, and no faster than it may.

RFC 8628 §3.5, OIDC CIBA §11. `statements.polls` notes each poll.
"""

from typing import NoReturn

from idp import policy
from idp.protocol.errors import AuthorizationPending, SlowDown
from idp.protocol.rules import upholds


@upholds("RFC 8628 §3.5")
def refuse_pending(*, is_early: bool) -> NoReturn:
    """RFC 8628 §3.5, OIDC CIBA §11: a client that polls too early waits longer from then on."""
    if is_early:
        raise SlowDown(
            "The user has not decided yet, and this poll came too early: wait "
            f"{policy.POLL_SLOW_DOWN} seconds longer between two polls from now on."
        )
    raise AuthorizationPending("The user has not decided yet: poll again after the interval.")
