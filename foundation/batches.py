"""Pauses between batches of long work, so that requests get their turn at the database."""

import time

from django.db import connection

#: Seconds. SQLite has one writer at a time, and waiting ones retry every 25 ms or later.
_SHORTEST = 0.03
_LONGEST = 1.0


def give_way(began: float) -> None:
    """Sleep as long as the batch took that began at `began` (`time.monotonic()`).

    Returns at once within a transaction: other transactions would wait for its end, too.
    """
    if not connection.in_atomic_block:
        time.sleep(min(max(time.monotonic() - began, _SHORTEST), _LONGEST))
