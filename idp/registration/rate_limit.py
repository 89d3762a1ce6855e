"""How many clients an IP address may register without an initial access token. RFC 7591 §5."""

from datetime import timedelta

from foundation import rate_limits
from foundation.rate_limits import RateLimit, RateLimitExceededError
from idp import policy
from idp.protocol.errors import TooManyRegistrations
from idp.protocol.rules import upholds

REGISTRATIONS = RateLimit("registrations", policy.REGISTRATIONS_A_MINUTE, timedelta(minutes=1))


@upholds("RFC 7591 §5")
def count(visitor: str) -> None:
    """Count a registration, or a document to fetch; raise TooManyRegistrations. RFC 7591 §5.

    `visitor` is the key of rate limits.
    """
    try:
        rate_limits.count((REGISTRATIONS, visitor))
    except RateLimitExceededError as exceeded:
        raise TooManyRegistrations.for_now(
            "Too many clients were registered from this IP address.", exceeded.retry_after
        ) from None
