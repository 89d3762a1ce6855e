"""Which errors are outages: something this service depends on is out of order, for a while.

Trying again later may help, so they are answered with 503 and not as faults of ours.
"""

import sqlite3

import psycopg
from django.db import Error, InterfaceError, OperationalError, connection

from foundation.postgresql.waits import StalledError

#: Seconds for Retry-After.
RETRY_AFTER = 5
#: Classes of PostgreSQL's errors that have to do with the server and not with the statement:
#: connection, authorization, no such database, transaction rolled back, resources, operator's
#: intervention (and statement_timeout), system; then read-only and lock_timeout.
_CLASSES = ("08", "28", "3D", "40", "53", "57", "58")
_STATES = ("25006", "25P03", "55P03")
_SQLITE = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_READONLY,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_CANTOPEN,
}


class OutageError(Exception):
    """Something is out of order that this service depends on."""

    def __init__(self, part: str) -> None:
        super().__init__(f"This is out of order: {part}.")
        self.part = part


def part_out_of_order(error: BaseException | None) -> str | None:
    """Return the part whose outage caused an error, such as "database"; None for other errors."""
    if isinstance(error, OutageError):
        return error.part
    if isinstance(error, Error) and _is_outage(error):
        return "database"
    import redis  # a tenth of what starting a process takes, and few need it

    return "cache" if isinstance(error, redis.RedisError) else None


def _is_outage(error: Error) -> bool:
    cause = error.__cause__
    if isinstance(cause, psycopg.Error):
        state = cause.sqlstate
        if state is None:  # the connection broke, or there was none
            return isinstance(error, OperationalError | InterfaceError)
        return state.startswith(_CLASSES) or state in _STATES
    if isinstance(cause, sqlite3.Error):
        return getattr(cause, "sqlite_errorcode", 0) & 0xFF in _SQLITE
    return isinstance(error, StalledError)


def transaction_is_lost() -> bool:
    """Whether a transaction is open that can't be committed any more, since a statement failed.

    Ask where a DatabaseError isn't raised further. At its end such a transaction is rolled back
    without an exception (Django's `atomic`, and PostgreSQL's COMMIT), as if all had gone well.
    """
    if not connection.in_atomic_block:
        return False
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except Error:
        return True
    return False
