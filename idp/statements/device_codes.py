"""A poll of a device code, in the statement that looks the client up. RFC 8628 §3.4, §3.5."""

from datetime import datetime, timedelta
from typing import Any, NamedTuple

from django.db import connection, transaction

from foundation.statements import changed, datetime_of, one
from idp import policy
from idp.statements.bearers import ClientVersion
from idp.statements.tokens import NO_WAIT

#: The row is locked before it is judged, so that of several polls at once each sees the one before.
#: It is found by its hash: the client is compared in a way that no plan can begin with.
POLL = f"""
    WITH before AS (
        SELECT d.id, d.status, d.expires, d.redeemed_at,
               COALESCE(d.last_checked + d."interval" * INTERVAL '1 second' > %s, FALSE) AS early
        FROM idp_devicecode d
        WHERE d.device_code = %s
              AND d.application_id + 0 = (SELECT id FROM idp_client WHERE client_id = %s)
        FOR UPDATE
    ), polled AS (
        UPDATE idp_devicecode d
        SET last_checked = %s,
            "interval" = d."interval" + CASE WHEN before.early THEN %s ELSE 0 END
        FROM before WHERE d.id = before.id AND {NO_WAIT}
        RETURNING before.status, before.expires, before.redeemed_at, before.early
    )
    SELECT c.id, c.version, c.enabled, p.status, p.expires, p.redeemed_at, p.early
    FROM idp_client c LEFT JOIN polled p ON TRUE WHERE c.client_id = %s
"""
_READ = """
    SELECT c.id, c.version, c.enabled, d.status, d.expires, d.redeemed_at,
           d.id, d.last_checked, d."interval"
    FROM idp_client c
    LEFT JOIN idp_devicecode d ON d.application_id = c.id AND d.device_code = %s
    WHERE c.client_id = %s
"""
_NOTE = 'UPDATE idp_devicecode SET last_checked = %s, "interval" = %s WHERE id = %s'


class Poll(NamedTuple):
    """What a device code is found to be at a poll."""

    #: A status of the toolkit's: the user's decision.
    status: str
    expires: datetime
    is_redeemed: bool
    #: Whether the poll before was less than the interval ago, which is longer from now on.
    is_early: bool


def poll(
    device_code_hash: str, client_id: str, now: datetime
) -> tuple[ClientVersion | None, Poll | None]:
    """Note a poll; return the client's version and what it asked about, None for what is unknown.

    The client is not authenticated yet: all that is changed is when it may poll again. Hand-written
    so that on PostgreSQL a poll, with the look at the client, is one statement.
    """
    allowed_from = now + policy.DEVICE_POLL_TOLERANCE
    if connection.vendor == "postgresql":
        values = [
            allowed_from,
            device_code_hash,
            client_id,
            now,
            policy.DEVICE_SLOW_DOWN,
            client_id,
        ]
        row = one(POLL, values)
    else:
        row = _polled_in_two(device_code_hash, client_id, now, allowed_from)
    if row is None:
        return None, None
    pk, version, enabled, status, expires, redeemed_at, is_early = row
    known = ClientVersion(client_id, pk, version, bool(enabled))
    if status is None:
        return known, None
    return known, Poll(status, datetime_of(expires), redeemed_at is not None, bool(is_early))


def _polled_in_two(
    device_code_hash: str, client_id: str, now: datetime, allowed_from: datetime
) -> tuple[Any, ...] | None:
    """Note a poll on SQLite, where transactions follow each other."""
    with transaction.atomic():
        row = one(_READ, [device_code_hash, client_id])
        if row is None:
            return None
        *read, key, last_checked, interval = row
        wait = timedelta(seconds=interval or 0)
        is_early = bool(last_checked) and datetime_of(last_checked) + wait > allowed_from
        if key is not None:
            longer = interval + policy.DEVICE_SLOW_DOWN if is_early else interval
            changed(_NOTE, [now, longer, key])
    return (*read, is_early)
