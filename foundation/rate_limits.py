"""Rate limits: how often something may be done in a window of time.

Counts are rows of the database, so they are shared by all processes, survive a restart and hold
under parallel requests: each attempt is counted by one statement before it is judged.
"""

import hashlib
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from django.db import connection
from django.db.models import F
from django.utils import timezone

from foundation.models import RateCount
from foundation.statements import rows

#: Every limit there is, by its name. docs/rate-limits.md lists them.
DECLARED: "dict[str, RateLimit]" = {}


@dataclass(frozen=True)
class RateLimit:
    """At most `allowed` attempts within `window`, which begins with the first of them."""

    name: str
    allowed: int
    window: timedelta

    def __post_init__(self) -> None:
        if self.name in DECLARED:
            raise ValueError(f"There are two rate limits named {self.name}.")
        DECLARED[self.name] = self


#: A limit and its key: an account, an IP address, a code.
Counted = tuple[RateLimit, str]


class RateLimitExceededError(Exception):
    """There were more attempts than a limit allows."""

    def __init__(self, limit: RateLimit, retry_after: int) -> None:
        super().__init__(f"Rate limit {limit.name} exceeded.")
        self.limit = limit
        #: Seconds until the window ends, at least 1.
        self.retry_after = retry_after


def count(*counted: Counted) -> None:
    """Count one attempt under each limit. Call this before the attempt is judged.

    Raises RateLimitExceededError, for the limit that ends last, beyond a limit. Raises RuntimeError
    within a transaction: a rollback would undo the count, and others would wait.
    """
    if connection.in_atomic_block:
        raise RuntimeError("Rate limits are counted outside of transactions.")
    now = timezone.now()
    _judge(counted, _incremented(counted, now), now)


def check(*counted: Counted) -> None:
    """Raise RateLimitExceededError if one more attempt would exceed it. Counts nothing."""
    now = timezone.now()
    counts = RateCount.objects.filter(key__in=map(_key, counted), ends_at__gt=now)
    used = {row.key: (row.count + 1, row.ends_at) for row in counts}
    _judge(counted, used, now)


def forget(*counted: Counted) -> None:
    """Begin counts anew, for example after a success."""
    for key in map(_key, counted):
        RateCount.objects.filter(key=key).delete()


def take_back(*counted: Counted) -> None:
    """Undo the count of one attempt that succeeded: failed attempts before it stay counted."""
    for key in map(_key, counted):  # one by one: two requests must not wait for each other
        RateCount.objects.filter(key=key, count__gt=0).update(count=F("count") - 1)


def _judge(
    counted: Sequence[Counted], used: dict[str, tuple[int, datetime]], now: datetime
) -> None:
    exceeded = [
        RateLimitExceededError(limit, max(1, math.ceil((ends_at - now).total_seconds())))
        for limit, by in counted
        for attempts, ends_at in [used.get(_key((limit, by)), (0, now))]
        if attempts > limit.allowed
    ]
    if exceeded:
        raise max(exceeded, key=lambda error: error.retry_after)


def _incremented(counted: Sequence[Counted], now: datetime) -> dict[str, tuple[int, datetime]]:
    """Return the count and the end of the window of each key, this attempt included.

    Hand-written for ON CONFLICT: of parallel requests each gets a number of its own.
    """
    ends = {_key(pair): now + pair[0].window for pair in counted}
    in_order = sorted(ends)  # so that two requests never wait for each other
    values = [value for key in in_order for value in (key, ends[key])]
    new = ", ".join(["(%s, 1, %s)"] * len(in_order))
    over = "foundation_ratecount.ends_at <= %s"
    found = rows(
        f"""
        INSERT INTO foundation_ratecount (key, count, ends_at) VALUES {new}
        ON CONFLICT (key) DO UPDATE SET
          count = CASE WHEN {over} THEN 1 ELSE foundation_ratecount.count + 1 END,
          ends_at = CASE WHEN {over} THEN excluded.ends_at
                         ELSE foundation_ratecount.ends_at END
        RETURNING key, count, ends_at
        """,
        [*values, now, now],
    )
    return {key: (attempts, _aware(ends_at)) for key, attempts, ends_at in found}


def _aware(stored: datetime | str) -> datetime:
    """Return a time of the database as Django has it: SQLite's are text, or have no zone."""
    at = datetime.fromisoformat(stored) if isinstance(stored, str) else stored
    return at if timezone.is_aware(at) else at.replace(tzinfo=UTC)


def _key(counted: Counted) -> str:
    """Return the key of a row, a hash from which no address can be read."""
    limit, by = counted
    return f"{limit.name}:{hashlib.sha256(by.encode()).hexdigest()[:32]}"
