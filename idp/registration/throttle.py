"""How many clients an address may register without an initial access token. RFC 7591 §5."""

from datetime import datetime

from django.core.cache import cache

from idp import policy
from idp.protocol.errors import TooManyRegistrations

_MINUTE = 60


def count(ip_address: str, now: datetime) -> None:
    """Count a registration of this minute; raise TooManyRegistrations past the limit. RFC 7591 §5.

    The minute is part of the key: not every cache leaves an entry its time when it counts it up.
    """
    key = f"registrations:{ip_address}:{int(now.timestamp()) // _MINUTE}"
    cache.add(key, 0, 2 * _MINUTE)
    try:
        registrations = cache.incr(key)
    except ValueError:  # a full cache threw it away between the two
        registrations = 1
    if registrations > policy.REGISTRATIONS_A_MINUTE:
        raise TooManyRegistrations(
            "Too many clients were registered from your address; wait a minute.",
            retry_after=_MINUTE - int(now.timestamp()) % _MINUTE,
        )
