"""Waits for the database: their limits, and refusing requests if none gets a response.

A hanging database would hold every slot for requests (foundation.slots), one after another. So no
wait is longer than a statement may take, and while all slots are held up, new requests are refused:
trying again later is better than a queue.
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
_HELD_UP_AFTER = 2.0
#: Seconds beyond the statement timeout in which PostgreSQL can report it.
_MARGIN = 2.0

#: Number of slots for requests; 0 in a process that serves none, which may wait.
slots = 0
#: Whether that many waits were held up, without a response since.
stalled = False
_longest = float("inf")
_watched: "WeakSet[DatabaseWrapper]" = WeakSet()
_lock = threading.Lock()


class StalledError(OperationalError):
    """The database does not respond, and every slot waits for it."""


def limit(number_of_slots: int) -> None:
    """Limit the waits of this process, which serves requests within so many slots.

    Call it before the first connection is made.
    """
    global slots, _longest
    slots = number_of_slots
    options = connections.settings[DEFAULT_DB_ALIAS]["OPTIONS"]
    if statement_timeout := options.get("statement_timeout"):
        _longest = statement_timeout / 1000 + _MARGIN
    threading.Thread(target=_look_on, name="database-waits", daemon=True).start()


def watch(wrapper: "DatabaseWrapper") -> None:
    """Count this connection's waits."""
    with _lock:
        _watched.add(wrapper)


def admit() -> None:
    """Raise StalledError if the database does not respond and every slot waits for it."""
    if stalled and len(_waiting()) >= slots:
        raise StalledError("The database does not answer.")


def answered() -> None:
    """Note that the database responds again."""
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
    """End waits that take too long, and check whether any gets a response."""
    global stalled
    waiting = _waiting()
    for since, wrapper in waiting:
        if now - since > _longest:
            _give_up(wrapper, since)
    held_up = sum(now - since > _HELD_UP_AFTER for since, _ in waiting)
    if held_up >= slots and not stalled:
        stalled = True
        log.error("database_does_not_answer", waiting=held_up)


def _give_up(wrapper: "DatabaseWrapper", since: float) -> None:
    """End the connection of a waiting thread: it gets an error."""
    with suppress(Exception):  # the wait may end at the same time
        descriptor = os.dup(wrapper.connection.pgconn.socket)
        with socket.socket(fileno=descriptor) as line:
            if wrapper.waiting_since == since:  # so it was this connection's all the time
                line.shutdown(socket.SHUT_RDWR)
