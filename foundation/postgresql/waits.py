"""How long this process's threads wait for the database, and how many of them may at once.

A database that hangs would hold every thread that serves requests. So no wait is longer than a
statement may take, and one thread more is served than may wait: that one answers at once that the
database does not answer, and health checks.
"""

import os
import socket
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING
from weakref import WeakSet

import structlog
from django.db import DEFAULT_DB_ALIAS, OperationalError, connections

if TYPE_CHECKING:
    from foundation.postgresql.base import DatabaseWrapper

log = structlog.get_logger(__name__)
_LOOKS_EVERY = 0.25
#: Seconds of waiting after which a thread counts as held up.
_HELD_UP_AFTER = 1.0
#: How much longer than a statement may take we wait for PostgreSQL to say that it took too long.
_MARGIN = 2.0

#: How many threads may wait at once; 0 in a process that serves no requests, which may wait.
threads = 0
#: Whether that many were held up, and nobody has had an answer since.
stalled = False
_longest = float("inf")
_watched: "WeakSet[DatabaseWrapper]" = WeakSet()
_lock = threading.Lock()


class StalledError(OperationalError):
    """The database does not answer, and as many threads wait for it as may."""


def limit(most: int) -> None:
    """Let at most this many of this process's threads wait for the database; for one that serves.

    Call it before the first connection is made.
    """
    global threads, _longest
    threads = most
    options = connections.settings[DEFAULT_DB_ALIAS]["OPTIONS"]
    if statement_timeout := options.get("statement_timeout"):
        _longest = statement_timeout / 1000 + _MARGIN
    threading.Thread(target=_look_on, name="database-waits", daemon=True).start()


def watch(wrapper: "DatabaseWrapper") -> None:
    """Count this connection's waits."""
    with _lock:
        _watched.add(wrapper)


def admit() -> None:
    """Raise StalledError where the database does not answer and enough threads wait for it."""
    if stalled and len(_waiting()) >= threads:
        raise StalledError("The database does not answer.")


def answered() -> None:
    """Note that the database answers again."""
    global stalled
    stalled = False
    log.info("database_answers_again")


def _waiting() -> "list[tuple[float, DatabaseWrapper]]":
    with _lock:
        wrappers = list(_watched)
    waits = ((wrapper.waiting_since, wrapper) for wrapper in wrappers)
    return sorted(((since, wrapper) for since, wrapper in waits if since), key=lambda wait: wait[0])


def _look_on() -> None:
    while True:
        time.sleep(_LOOKS_EVERY)
        _look(time.monotonic())


def _look(now: float) -> None:
    """Give up what has taken too long, and the last wait where nobody would be left to answer."""
    global stalled
    waiting = _waiting()
    for since, wrapper in waiting:
        if now - since > _longest:
            _give_up(wrapper, since)
    held_up = sum(now - since > _HELD_UP_AFTER for since, _ in waiting)
    if held_up >= threads and not stalled:
        stalled = True
        log.error("database_does_not_answer", threads=held_up)
    if stalled:
        for since, wrapper in waiting[threads:]:
            _give_up(wrapper, since)


def _give_up(wrapper: "DatabaseWrapper", since: float) -> None:
    """End the connection of a thread that waits: it gets an error, and goes on."""
    with suppress(Exception):  # the wait may end at this moment
        descriptor = os.dup(wrapper.connection.pgconn.socket)
        with socket.socket(fileno=descriptor) as line:
            if wrapper.waiting_since == since:  # so it was this connection's all the time
                line.shutdown(socket.SHUT_RDWR)
