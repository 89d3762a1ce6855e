"""Wrong passwords and codes, counted by the account that they were tried on (NIST SP 800-63B-4
§3.2.2). allauth counts, in the cache; here is under which keys, and how an operator forgets them.
"""

import time
from collections.abc import Iterator

from allauth.account.models import EmailAddress
from allauth.core.internal import ratelimit
from django.core.cache import cache

from accounts.models import User

_COUNTED = {"app": "allauth.account", "action": "login_failed"}


def key_of(typed: str) -> str:
    """Return what tries at an address are counted under: neither spelling nor host matters."""
    return typed.strip().lower()


def is_locked(user: User) -> bool:
    """Whether sign-ins are refused now, even right ones, for wrong tries on this account.

    What is counted by network address is no part of it: that locks out a place, not a person.
    """
    now = time.time()
    return any(
        not ratelimit.apply_rate(cache.get(name, []), now, rate, dry_run=True)[0]
        for rate, name in _counters(user)
    )


def unlock(user: User) -> None:
    """Forget the wrong tries on this account: at its passwords, and at its second factor."""
    for _, name in _counters(user):
        with ratelimit.cache_lock(name):
            cache.delete(name)


def _counters(user: User) -> Iterator[tuple[ratelimit.Rate, str]]:
    """Yield each limit of this account with the name of its counter in the cache."""
    others = EmailAddress.objects.filter(user=user).values_list("email", flat=True)
    keys = [*{key_of(address) for address in (user.email, *others)}, f"mfa-auth-user-{user.pk}"]
    for rate in ratelimit.get_rates(**_COUNTED):
        if rate.per == "key":
            for key in keys:
                yield rate, ratelimit.get_cache_key(None, **_COUNTED, rate=rate, key=key)
