"""Connections to PostgreSQL: checked before use where there is reason to, and never waited for
without end.

The rule is the connection's own, so it holds at every entrance: requests, the worker, commands.
"""

import select
import time
from functools import cached_property
from typing import Any

import psycopg
from django.db.backends.postgresql import base, features, operations
from psycopg.errors import FeatureNotSupported, InvalidSqlStatementName
from psycopg.pq import ConnStatus, TransactionStatus
from psycopg.types.datetime import TimestamptzLoader

from foundation import traces
from foundation.postgresql import waits

#: Seconds without use after which a connection is checked before the next statement.
_IDLE = 1.0
#: Seconds after a response within which a connection counts as working: those of one request.
_FRESH = 0.005
#: Of a session, in milliseconds: sent where requests are served, elsewhere PostgreSQL's own count.
SESSION_TIMEOUTS = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")


class Cursor(base.ServerBindingCursor, psycopg.Cursor[Any]):
    """A cursor that prepares statements again if PostgreSQL has lost them."""

    def execute(self, *args: Any, **kwargs: Any) -> Any:
        """Execute a statement.

        A connection pooler may have discarded prepared statements, and a changed table invalidates
        them (“cached plan must not change result type”). psycopg then forgets all that it has
        prepared when it sends DEALLOCATE ALL. A transaction can only be rolled back.
        """
        try:
            return super().execute(*args, **kwargs)
        except (InvalidSqlStatementName, FeatureNotSupported):
            if self.connection.info.transaction_status != TransactionStatus.IDLE:
                raise
            super().execute("DEALLOCATE ALL", prepare=False)
            return super().execute(*args, **kwargs)


class TracedCursor(Cursor):
    """A cursor whose statements are spans of the trace that they belong to."""

    def execute(self, query: Any, *args: Any, **kwargs: Any) -> Any:
        """Execute a statement."""
        with traces.statement("postgresql", query):
            return super().execute(query, *args, **kwargs)


class Connection(psycopg.Connection[Any]):
    """A connection that records since when its thread has waited for a response."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        #: When its thread began to wait, on the monotonic clock; None if it does not wait.
        self.waiting_since: float | None = None
        self.answered_at = time.monotonic()
        #: Whether it is unknown if the connection can write.
        self.is_unchecked = False
        self._line = select.poll()
        self._line.register(self.pgconn.socket, select.POLLIN)

    @cached_property
    def statement_cursor(self) -> psycopg.Cursor[Any]:
        """The cursor that sends hand-written statements: making one costs as much as its work.

        It loads times by psycopg's loader, in C. Django's is in Python, and our time zone is UTC.
        """
        cursor = self.cursor()
        cursor.adapters.register_loader("timestamptz", TimestamptzLoader)
        return cursor

    def wait(self, *args: Any, **kwargs: Any) -> Any:
        """Wait for the database: for all that cursors send."""
        self.waiting_since = time.monotonic()
        try:
            return super().wait(*args, **kwargs)
        finally:
            self.waiting_since = None
            self.answered_at = time.monotonic()
            if waits.stalled and self.pgconn.status == ConnStatus.OK:
                waits.answered()

    def has_arrivals(self) -> bool:
        """Whether data has arrived unrequested: usually the end of the connection."""
        return bool(self._line.poll(0))

    def is_writable(self) -> bool:
        """Whether the connection works and the database may be written through it."""
        answer = self.execute("SHOW transaction_read_only", prepare=False).fetchone()
        if not self.autocommit:
            self.rollback()  # psycopg has begun a transaction
        return answer == ("off",)


class _Psycopg:
    """psycopg as Django expects it, with our connections."""

    connect = Connection.connect

    def __getattr__(self, name: str) -> Any:
        return getattr(psycopg, name)


class DatabaseFeatures(features.DatabaseFeatures):
    """What PostgreSQL can do."""

    #: The protocol counts parameters in 16 bits; psycopg binds them on the server.
    max_query_params = 2**16 - 1


class DatabaseOperations(operations.DatabaseOperations):
    """How PostgreSQL is asked."""

    def bulk_batch_size(self, fields: Any, objs: Any) -> int:
        """Return how many rows fit into one statement."""
        return DatabaseFeatures.max_query_params // len(fields) if fields else len(objs)


class DatabaseWrapper(base.DatabaseWrapper):
    """One thread's connection."""

    Database = _Psycopg()  # type: ignore[assignment]
    health_check_enabled: bool
    features_class = DatabaseFeatures
    ops_class = DatabaseOperations

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._connecting_since: float | None = None
        waits.watch(self)

    @property
    def waiting_since(self) -> float | None:
        """Since when its thread has waited for the database or to connect, or None."""
        connection = self.connection
        return self._connecting_since or (connection.waiting_since if connection else None)

    def get_connection_params(self) -> dict[str, Any]:
        """Return parameters for connecting; sessions of requests have their own timeouts."""
        params = super().get_connection_params()
        if params["cursor_factory"] is base.ServerBindingCursor:
            params["cursor_factory"] = TracedCursor if traces.tracer else Cursor
        timeouts = {name: params.pop(name, 0) for name in SESSION_TIMEOUTS}
        if waits.slots:
            limits = [
                f"-c {name}={milliseconds}"
                for name, milliseconds in timeouts.items()
                if milliseconds
            ]
            params["options"] = " ".join([*limits, params.get("options", "")]).strip()
        return params

    def get_new_connection(self, conn_params: dict[str, Any]) -> Connection:
        """Connect."""
        self._connecting_since = time.monotonic()
        try:
            made: Connection = super().get_new_connection(conn_params)
        finally:
            self._connecting_since = None
        return made

    def connect(self) -> None:
        """Connect; whether the connection may write is checked before its first statement."""
        super().connect()
        self.connection.is_unchecked = True

    def close_if_health_check_failed(self) -> None:
        """Replace a connection that broke or became read-only. Django calls it before a statement.

        It costs a statement only if the connection is new, after an error, if data has arrived, or
        after a second without use. In a transaction nothing can be replaced.
        """
        connection = self.connection
        if connection is None or self.in_atomic_block or not self.health_check_enabled:
            return
        idle = time.monotonic() - connection.answered_at
        if (
            connection.is_unchecked
            or self.errors_occurred
            or idle > _IDLE
            or (idle > _FRESH and connection.has_arrivals())
        ):
            if self.is_usable():
                connection.is_unchecked = self.errors_occurred = False
            else:
                self.close()

    def commit(self) -> None:
        """Commit, which waits for the disk."""
        if traces.tracer:
            with traces.statement("postgresql", "COMMIT"):
                super().commit()
        else:
            super().commit()

    def rollback(self) -> None:
        """Roll back. Success does not show that the connection can write."""
        failed = self.errors_occurred
        super().rollback()
        self.errors_occurred = failed

    def is_usable(self) -> bool:
        """Whether the connection works, and writes."""
        try:
            return self.connection is not None and self.connection.is_writable()
        except psycopg.Error:
            return False
