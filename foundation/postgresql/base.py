"""Connections to PostgreSQL: checked before use where there is reason to, and never waited for
without end.

The rule is the connection's own, so it holds at every entrance: requests, the worker, commands.
"""

import select
import time
from collections.abc import Callable
from typing import Any, TypeVar

import psycopg
from django.db.backends.postgresql import base, features, operations
from psycopg.pq import ConnStatus, ExecStatus

from foundation.postgresql import waits

#: Seconds after which a connection that nobody used is checked before the next statement.
_IDLE = 1.0
#: Of a session, in milliseconds: sent where requests are served, elsewhere PostgreSQL's own count.
SESSION_TIMEOUTS = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")
T = TypeVar("T")


class Connection(psycopg.Connection[Any]):
    """A connection that knows since when its thread waits for an answer."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        #: When the thread that uses it began to wait, on the monotonic clock; None if none waits.
        self.waiting_since: float | None = None
        self.answered_at = time.monotonic()
        #: Whether nobody knows yet if the database may be written through it.
        self.is_unchecked = False
        self._line = select.poll()
        self._line.register(self.pgconn.socket, select.POLLIN)

    def wait(self, *args: Any, **kwargs: Any) -> Any:
        """Wait for the database, as psycopg does in all that its cursors send."""
        return self.ask(super().wait, *args, **kwargs)

    def ask(self, send: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        """Return what `send` does, which waits for the database."""
        self.waiting_since = time.monotonic()
        try:
            return send(*args, **kwargs)
        finally:
            self.waiting_since = None
            self.answered_at = time.monotonic()
            if waits.stalled and self.pgconn.status == ConnStatus.OK:
                waits.answered()

    def has_arrivals(self) -> bool:
        """Whether something has come that nobody asked for: the end of the connection, usually."""
        return bool(self._line.poll(0))

    def is_writable(self) -> bool:
        """Whether the connection works and the database may be written through it."""
        result = self.ask(self.pgconn.exec_, b"SHOW transaction_read_only")
        return result.status == ExecStatus.TUPLES_OK and result.get_value(0, 0) == b"off"


class _Psycopg:
    """psycopg as Django asks for it, with connections of ours."""

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
        """Since when its thread waits for the database, be it to connect; None if it doesn't."""
        connection = self.connection
        return self._connecting_since or (connection.waiting_since if connection else None)

    def get_connection_params(self) -> dict[str, Any]:
        """Return what to connect with; a session of requests has limits of its own."""
        params = super().get_connection_params()
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

        It costs a statement only where the connection is new, where an error occurred, where
        something has arrived, or where nobody has used the connection for a second. In a
        transaction nothing can be replaced.
        """
        connection = self.connection
        if connection is None or self.in_atomic_block or not self.health_check_enabled:
            return
        if (
            connection.is_unchecked
            or self.errors_occurred
            or time.monotonic() - connection.answered_at > _IDLE
            or connection.has_arrivals()
        ):
            if self.is_usable():
                connection.is_unchecked = self.errors_occurred = False
            else:
                self.close()

    def rollback(self) -> None:
        """Roll back; that this worked does not say that the connection may write."""
        failed = self.errors_occurred
        super().rollback()
        self.errors_occurred = failed

    def is_usable(self) -> bool:
        """Whether the connection works, and writes."""
        try:
            return self.connection is not None and self.connection.is_writable()
        except psycopg.Error:
            return False
