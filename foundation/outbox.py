"""Outboxes: rows written in the transaction of their cause, attempted until one attempt succeeds.

A sender claims a row before an attempt: it moves the time of the next attempt by a lease, so that
no other sender begins one, and renews the lease while the attempt goes on. If its process dies, the
lease runs out and the row is due again. So nothing is lost, and nothing is sent twice within a
lease.
"""

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from queue import Empty, SimpleQueue
from typing import Any, Generic, TypeVar

import structlog
from django.db import close_old_connections, models
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from foundation import traces
from foundation.outages import part_out_of_order

log = structlog.get_logger(__name__)
#: Delays between attempts; after the last one the row is given up.
PAUSES = tuple(
    timedelta(seconds=seconds) for seconds in (5, 30, 120, 600, 3600, 4 * 3600, 12 * 3600)
)
LEASE = timedelta(seconds=60)
#: Time after which a row that is due and waits is late: no sender works, or it can't keep up.
LATE_AFTER = timedelta(minutes=2)
_RENEWED_EVERY = LEASE.total_seconds() / 3
#: Seconds after which a sender with attempts under way looks for rows that have become due.
_LOOKS_EVERY = 1


class State(models.TextChoices):
    """How far a row came."""

    WAITING = "waiting", _("on its way")
    DELIVERED = "delivered", _("delivered")
    FAILED = "failed", _("given up")


class OutboxRow(models.Model):
    """What a row of each outbox has."""

    State = State

    state = models.CharField(
        _("state"), max_length=10, choices=State.choices, default=State.WAITING
    )
    created_at = models.DateTimeField(_("caused"), default=timezone.now)
    #: When the next attempt is due, or the lease of the present one ends.
    due_at = models.DateTimeField(_("next attempt"), default=timezone.now)
    attempts = models.PositiveIntegerField(_("attempts"), default=0)
    #: Of the last attempt; empty while one is under way.
    last_problem = models.TextField(_("last problem"), blank=True)
    done_at = models.DateTimeField(_("delivered or given up"), null=True)

    class Meta:
        abstract = True


Row = TypeVar("Row", bound=OutboxRow)


def late(rows: "models.Manager[Row]", now: datetime) -> "models.QuerySet[Row]":
    """Return the rows that should have been attempted a while ago, the oldest first."""
    return rows.filter(state=State.WAITING, due_at__lt=now - LATE_AFTER).order_by("due_at")


@dataclass(frozen=True)
class Problem:
    """Why an attempt failed, in a sentence, and whether another one would, too."""

    sentence: str
    is_final: bool = False


@dataclass(frozen=True)
class Outbox(Generic[Row]):
    """Rows, and how they are sent."""

    rows: "models.QuerySet[Row]"
    #: Sends a row, in a thread of its own; returns the problem if it could not.
    attempt: Callable[[Row], Problem | None]
    #: Stores that a row was sent.
    delivered: Callable[[Row, datetime], None]
    #: Is called with a row that was given up.
    given_up: Callable[[Row, Problem], None]
    #: Number of attempts under way at once, so that a slow receiver does not delay others.
    at_once: int

    def deliver(self, stopping: threading.Event | None = None) -> None:
        """Send rows until none is due. Several processes can do so at once.

        After `stopping` is set, no more attempts begin.
        """
        attempts = _Attempts(self, stopping or threading.Event())
        while attempts.begin():
            attempts.finish_some()

    def retry(self, row: Row) -> None:
        """Make a row due now, also one that was given up, with a full number of attempts.

        Does nothing to a row that was delivered or whose attempt is under way.
        """
        now = timezone.now()
        waiting = self.rows.filter(pk=row.pk).exclude(state=State.DELIVERED)
        waiting.exclude(last_problem="", attempts__gt=0, due_at__gt=now).update(
            state=State.WAITING, due_at=now, attempts=0, done_at=None
        )


@dataclass
class _Attempts(Generic[Row]):
    """The attempts that one sender has under way."""

    outbox: Outbox[Row]
    stopping: threading.Event
    _under_way: dict[int, Row] = field(default_factory=dict)
    _results: "SimpleQueue[tuple[Row, Problem | None]]" = field(default_factory=SimpleQueue)
    _renewed_at: float = field(default_factory=time.monotonic)

    def begin(self) -> bool:
        """Begin as many attempts as there are places for; return whether any is under way."""
        free = 0 if self.stopping.is_set() else self.outbox.at_once - len(self._under_way)
        for row in self._claimed(free):
            self._under_way[row.pk] = row
            # A thread that waits for a receiver must not hold up the end of the process.
            threading.Thread(target=self._attempt, args=[row], daemon=True).start()
        return bool(self._under_way)

    def finish_some(self) -> None:
        """Wait a moment for results and store them; renew the leases of other rows."""
        for row, problem in self._new_results():
            del self._under_way[row.pk]
            self._store(row, problem)
        if time.monotonic() - self._renewed_at > _RENEWED_EVERY:
            self._renewed_at = time.monotonic()
            for row in self._under_way.values():
                self._of(row).update(due_at=timezone.now() + LEASE)

    def _claimed(self, most: int) -> Iterator[Row]:
        """Claim rows that are due and that no other sender claims."""
        if not most:
            return
        now = timezone.now()
        due = self.outbox.rows.filter(state=State.WAITING, due_at__lte=now)
        for row in due.order_by("due_at")[:most]:
            claimed = due.filter(pk=row.pk).update(
                due_at=now + LEASE, attempts=F("attempts") + 1, last_problem=""
            )
            if claimed:
                row.attempts += 1
                yield row

    def _attempt(self, row: Row) -> None:
        try:
            with traces.span(f"send {row._meta.model_name}"):
                problem = self.outbox.attempt(row)
        except Exception as error:
            log.exception("delivery_failed", delivery=row.pk, kind=row._meta.model_name)
            problem = Problem(f"Something broke on our side: {type(error).__name__}.")
        self._results.put((row, problem))

    def _new_results(self) -> Iterator[tuple[Row, Problem | None]]:
        """Wait for a result, but not long, and yield it with those that have come meanwhile."""
        with suppress(Empty):
            yield self._results.get(timeout=_LOOKS_EVERY)
            while True:
                yield self._results.get_nowait()

    def _of(self, row: Row) -> "models.QuerySet[Row]":
        """Return the row if it is as it was claimed: its lease may have run out."""
        return self.outbox.rows.filter(pk=row.pk, attempts=row.attempts, state=State.WAITING)

    def _store(self, row: Row, problem: Problem | None) -> None:
        """Store the result of an attempt, and the time of the next one."""
        now = timezone.now()
        if problem is None:
            self.outbox.delivered(row, now)
        elif problem.is_final or row.attempts > len(PAUSES):
            failed: dict[str, Any] = {"state": State.FAILED, "done_at": now}
            if self._of(row).update(**failed, last_problem=problem.sentence):
                self.outbox.given_up(row, problem)
        else:
            pause = PAUSES[row.attempts - 1] * random.uniform(0.8, 1.2)  # noqa: S311
            self._of(row).update(due_at=now + pause, last_problem=problem.sentence)


class Sender:
    """A thread that sends the rows of an outbox, as soon as it is woken or they are due."""

    def __init__(self, outbox: Outbox[Any], *, every: float) -> None:
        self._outbox, self._every = outbox, every
        self._woken, self._stopping = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="outbox", daemon=True)

    def start(self) -> None:
        """Start the thread; it ends with the process."""
        self._thread.start()

    def wake(self) -> None:
        """Let it look for rows now."""
        self._woken.set()

    def stop(self, seconds: float) -> None:
        """Begin no more attempts, and wait for those under way, at most `seconds`."""
        self._stopping.set()
        self._woken.set()
        self._thread.join(seconds)

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._woken.clear()
            try:
                self._outbox.deliver(stopping=self._stopping)
            except Exception as problem:  # noqa: BLE001  the next round may go better
                log_failure("sender_failed", problem)
            close_old_connections()
            self._woken.wait(self._every)


def log_failure(event: str, problem: Exception) -> None:
    """Log a failure; an outage without its traceback."""
    part = part_out_of_order(problem)
    log.error(event, part=part, exc_info=None if part else problem)
