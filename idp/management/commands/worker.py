"""`manage.py worker`: what goes on beside requests, until told to stop."""

import signal
import threading
import time
from argparse import SUPPRESS, ArgumentParser
from collections import Counter
from collections.abc import Iterator
from typing import Any

import structlog
from django.core.management.base import BaseCommand
from django.db import close_old_connections
from django.utils import timezone

from foundation.outages import part_out_of_order
from idp.housekeeping import batches, expire, tidy, walk
from idp.logout.backchannel import deliver
from idp.management.processes import end_with

log = structlog.get_logger(__name__)
#: Seconds between two looks at who has to be told, two at what has expired, two rounds of deleting
#: what is over, and two walks past every row.
_PAUSE_SECONDS = 1
_EXPIRE_SECONDS = 60
_TIDY_SECONDS = 60
_WALK_SECONDS = 3600
#: How long it rests after a batch, for each second that the batch took: requests go first.
_RESTS = 3


class Command(BaseCommand):
    """Work."""

    help = (
        "Tell apps of sign-outs as they happen; expire what is over and keep the keys' schedule, "
        "every minute; delete what nobody uses any more, every hour. --once does all of it and "
        "stops."
    )

    _expired_at = float("-inf")

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Say whether once is enough."""
        parser.add_argument("--once", action="store_true", help="do what is due and stop")
        # Of `serve --with-worker`: whose end ends it, too.
        parser.add_argument("--parent", type=int, help=SUPPRESS)

    def handle(self, *_: Any, once: bool, parent: int | None, **__: Any) -> None:
        """Work until a signal asks to stop; what is under way is finished first."""
        if once:
            self._tell()
            self._report(tidy(timezone.now()))
            return
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        if parent is not None:
            end_with(parent, grace=10)
        tidied_at = walked_at = float("-inf")
        while not stop.is_set():
            try:
                self._attend()
                if time.monotonic() - tidied_at >= _TIDY_SECONDS:
                    self._tidy(batches(timezone.now()), stop)
                    tidied_at = time.monotonic()
                if time.monotonic() - walked_at >= _WALK_SECONDS:
                    self._tidy(walk(timezone.now()), stop)
                    walked_at = time.monotonic()
            except Exception as problem:  # the next round may go better
                part = part_out_of_order(problem)
                log.exception("worker_failed", part=part, exc_info=None if part else problem)
            close_old_connections()
            stop.wait(_PAUSE_SECONDS)

    def _attend(self) -> None:
        """Do what waits for nothing else: tell who has to be told, and see what has expired."""
        self._tell()
        if time.monotonic() - self._expired_at >= _EXPIRE_SECONDS:
            self._report({"expired sessions": expire(timezone.now())})
            self._expired_at = time.monotonic()

    def _tell(self) -> None:
        """Tell all that is due, batch after batch."""
        while deliver(timezone.now()):
            pass

    def _tidy(self, work: Iterator[tuple[str, int]], stop: threading.Event) -> None:
        """Delete what is over, and attend to the rest between batches."""
        deleted: Counter[str] = Counter()
        began = time.monotonic()
        for name, count in work:
            rest = min(_RESTS * (time.monotonic() - began), _PAUSE_SECONDS)
            deleted[name] += count
            self._attend()
            if stop.wait(rest):
                break
            began = time.monotonic()
        self._report(deleted)

    def _report(self, deleted: dict[str, int]) -> None:
        went = {name: count for name, count in deleted.items() if count}
        if went:
            log.info("tidied", **{name.replace(" ", "_"): count for name, count in went.items()})
