"""How many clients an address may register without an initial access token. RFC 7591 §5."""

from django.core.cache import cache

from idp import policy
from idp.protocol.errors import TooManyRegistrations

WAIT_SECONDS = 60


def count(ip_address: str) -> None:
    """Count a registration; raise TooManyRegistrations past the limit. RFC 7591 §5."""
    key = f"registrations:{ip_address}"
    cache.add(key, 0, WAIT_SECONDS)
    try:
        registrations = cache.incr(key)
    except ValueError:  # it expired between the two
        registrations = 1
    if registrations > policy.REGISTRATIONS_A_MINUTE:
        raise TooManyRegistrations("Too many clients were registered from your address; wait.")
