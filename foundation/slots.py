"""Slots: how many requests a process works on at once. Each slot has a database connection.

A server thread waits for a slot before it works on a request, and gives it back during slow work
that needs no database (`without_slot`). So threads are cheap: many can wait, and waiting ones hold
neither the interpreter nor a connection. Pages leave one slot to protocol endpoints, and only so
many of their requests may wait (docs/adr/0023).
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from queue import Empty, SimpleQueue
from typing import Any

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, connections

from foundation import metrics
from foundation.postgresql import waits

#: Seconds of waiting for a slot after which we look whether the database answers at all.
_ALLOWED_FOR = 1.0


class NoPlaceError(Exception):
    """The maximum number of requests waits in this process already."""


class _Slots:
    """The slots of a process, and its places for waiting requests."""

    def __init__(self, slots: int, places: int) -> None:
        self._free: SimpleQueue[Any] = SimpleQueue()
        for _ in range(slots):
            connection = connections.create_connection(DEFAULT_DB_ALIAS)
            connection.inc_thread_sharing()  # by one thread after another, never by two at once
            self._free.put(connection)
        self._for_pages = threading.Semaphore(max(1, slots - 1))
        self._places = threading.Semaphore(places)

    def take_place(self) -> None:
        if not self._places.acquire(blocking=False):
            raise NoPlaceError

    def leave_place(self) -> None:
        self._places.release()

    def take(self, *, page: bool) -> None:
        if waits.stalled:
            waits.admit()
        while page and not self._for_pages.acquire(timeout=_ALLOWED_FOR):
            waits.admit()
        try:
            connections[DEFAULT_DB_ALIAS] = self._next_free()
        except waits.StalledError:
            if page:
                self._for_pages.release()
            raise
        if metrics.instruments:
            metrics.instruments.connections.inc()

    def _next_free(self) -> Any:
        while True:
            try:
                return self._free.get(timeout=_ALLOWED_FOR)
            except Empty:
                waits.admit()

    def give_back(self, *, page: bool) -> None:
        connection = connections[DEFAULT_DB_ALIAS]
        try:  # as `close_old_connections`, which looks for connections of other databases
            connection.close_if_unusable_or_obsolete()
        finally:
            del connections[DEFAULT_DB_ALIAS]
            self._free.put(connection)
            if metrics.instruments:
                metrics.instruments.connections.dec()
            if page:
                self._for_pages.release()


class _Thread(threading.local):
    """The slot and place of this thread's request."""

    #: Whether it is a page's; None without a slot.
    page: bool | None = None


_thread = _Thread()


@cache
def _slots() -> _Slots:
    return _Slots(settings.IDP_THREADS, settings.IDP_WAITING)


def prepare() -> None:
    """Create this process's slots. Call it after the fork, before any thread uses one."""
    _slots()


@contextmanager
def slot(*, page: bool) -> Iterator[None]:
    """Work on a request within a slot; wait until one is free.

    Raises StalledError if none will be free soon, since the database does not respond.
    """
    _slots().take(page=page)
    _thread.page = page
    try:
        yield
    finally:
        if _thread.page is not None:  # without_slot may have found none to continue with
            _thread.page = None
            _slots().give_back(page=page)


@contextmanager
def place() -> Iterator[None]:
    """Hold one of the places for requests that may wait long.

    Raises NoPlaceError if there is none left.
    """
    _slots().take_place()
    try:
        yield
    finally:
        _slots().leave_place()


@contextmanager
def without_slot() -> Iterator[None]:
    """Give this request's slot to others during work that needs no database.

    Within a transaction the slot is kept, since the connection is in use.
    """
    page = _thread.page
    if page is None or connections[DEFAULT_DB_ALIAS].in_atomic_block:
        yield
        return
    _slots().give_back(page=page)
    _thread.page = None
    try:
        yield
    finally:
        _slots().take(page=page)
        _thread.page = page
