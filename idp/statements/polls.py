"""A poll of what waits for a user, in the statement that looks the client up.

RFC 8628 §3.5, OIDC CIBA §11.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, NamedTuple

from django.db import connection, transaction

from foundation.statements import changed, datetime_of, one
from idp import policy
from idp.statements.bearers import ClientVersion
from idp.statements.tokens import NO_WAIT


class Poll(NamedTuple):
    """What the polled row is found to be."""

    id: int
    status: str
    expires: datetime
    is_redeemed: bool
    #: Whether the poll before was less than the interval ago, which is longer from now on.
    is_early: bool


@dataclass(frozen=True)
class Polled:
    """A table whose rows are polled.

    It has the columns `status`, `expires`, `redeemed_at`, `last_checked`, and `interval`, in
    seconds.
    """

    table: str
    #: The column with the hash of what the client polls with.
    hashed: str
    #: The column of the client.
    client: str

    @cached_property
    def in_one(self) -> str:
        """Return the statement of PostgreSQL.

        The row is locked before it is judged, so that of several polls at once each sees the one
        before. It is found by its hash: the client is compared in a way that no plan can begin
        with.
        """
        return f"""
            WITH before AS (
                SELECT d.id, d.status, d.expires, d.redeemed_at,
                       COALESCE(
                           d.last_checked + d."interval" * INTERVAL '1 second' > %s, FALSE
                       ) AS early
                FROM {self.table} d
                WHERE d.{self.hashed} = %s
                      AND d.{self.client} + 0 = (SELECT id FROM idp_client WHERE client_id = %s)
                FOR UPDATE
            ), polled AS (
                UPDATE {self.table} d
                SET last_checked = %s,
                    "interval" = d."interval" + CASE WHEN before.early THEN %s ELSE 0 END
                FROM before WHERE d.id = before.id AND {NO_WAIT}
                RETURNING d.id, before.status, before.expires, before.redeemed_at, before.early
            )
            SELECT c.id, c.version, c.enabled, p.id, p.status, p.expires, p.redeemed_at, p.early
            FROM idp_client c LEFT JOIN polled p ON TRUE WHERE c.client_id = %s
        """

    @cached_property
    def _read(self) -> str:
        return f"""
            SELECT c.id, c.version, c.enabled, d.id, d.status, d.expires, d.redeemed_at,
                   d.last_checked, d."interval"
            FROM idp_client c
            LEFT JOIN {self.table} d ON d.{self.client} = c.id AND d.{self.hashed} = %s
            WHERE c.client_id = %s
        """

    def poll(
        self, value_hash: str, client_id: str, now: datetime
    ) -> tuple[ClientVersion | None, Poll | None]:
        """Note a poll; return the client's version and the row, None for what is unknown.

        The client is not authenticated yet: all that is changed is when it may poll again.
        Hand-written so that on PostgreSQL a poll, with the look at the client, is one statement.
        """
        allowed_from = now + policy.POLL_TOLERANCE
        if connection.vendor == "postgresql":
            values = [allowed_from, value_hash, client_id, now, policy.POLL_SLOW_DOWN, client_id]
            row = one(self.in_one, values)
        else:
            row = self._polled_in_two(value_hash, client_id, now, allowed_from)
        if row is None:
            return None, None
        pk, version, enabled, key, status, expires, redeemed_at, is_early = row
        known = ClientVersion(client_id, pk, version, bool(enabled))
        if key is None:
            return known, None
        found = Poll(key, status, datetime_of(expires), redeemed_at is not None, bool(is_early))
        return known, found

    def _polled_in_two(
        self, value_hash: str, client_id: str, now: datetime, allowed_from: datetime
    ) -> tuple[Any, ...] | None:
        """Note a poll on SQLite, where transactions follow each other."""
        with transaction.atomic():
            row = one(self._read, [value_hash, client_id])
            if row is None:
                return None
            *read, last_checked, interval = row
            wait = timedelta(seconds=interval or 0)
            is_early = bool(last_checked) and datetime_of(last_checked) + wait > allowed_from
            if read[3] is not None:
                longer = interval + policy.POLL_SLOW_DOWN if is_early else interval
                noting = f'UPDATE {self.table} SET last_checked = %s, "interval" = %s WHERE id = %s'
                changed(noting, [now, longer, read[3]])
        return (*read, is_early)
