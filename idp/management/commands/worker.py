"""`manage.py worker`: background work, until a signal."""

import signal
import threading
import time
from argparse import SUPPRESS, ArgumentParser
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import structlog
from django.core.management.base import BaseCommand
from django.db import close_old_connections
from django.utils import timezone

from foundation import heartbeats, mail, traces
from foundation.outbox import log_failure
from idp import fetching
from idp.audit_stream import pass_on
from idp.authorization import backchannel_notices
from idp.clients.logos import fetch_due
from idp.data_exports.stored import make_next
from idp.event_counts import count_events
from idp.housekeeping import batches, expire, tidy, walk
from idp.logout import backchannel
from idp.management.database import refuse_other_keys
from idp.management.processes import end_with, look_for_garbage_seldom

log = structlog.get_logger(__name__)
#: Seconds between two rounds of notifications, of expiring, of deleting expired rows, and of walks
#: past every row.
_PAUSE_SECONDS = 1
_EXPIRE_SECONDS = 60
_TIDY_SECONDS = 60
_WALK_SECONDS = 3600
#: Seconds for mail that is under way, after the worker is asked to stop.
_MAIL_LEAVES_WITHIN = 4
#: How long it rests after a batch, for each second that the batch took: requests go first.
_RESTS = 3


class Command(BaseCommand):
    """Work."""

    help = (
        "Notify apps of sign-outs as they happen, send email, make exports of users' data, and "
        "fetch the logos that apps named which registered themselves; count events; expire what is "
        "over and keep the keys' schedule, every minute; delete what is not used any more, every "
        "hour. --once does all of it and stops."
    )

    _expired_at = float("-inf")

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the option to run once."""
        parser.add_argument("--once", action="store_true", help="do what is due and stop")
        # Of `serve --with-worker`: the worker ends with its parent.
        parser.add_argument("--parent", type=int, help=SUPPRESS)

    def handle(self, *_: Any, once: bool, parent: int | None, **__: Any) -> None:
        """Work until a signal; work in progress is finished first."""
        refuse_other_keys()
        fetching.places.share_out(2 * backchannel.AT_ONCE)  # No request waits for a thread here.
        if once:
            self._work_once()
            return
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        if parent is not None:
            end_with(parent, grace=10)
        look_for_garbage_seldom()
        traces.begin()
        sender = mail.start_sending()
        for work in _BESIDE:
            threading.Thread(target=_keep, args=[work, stop], daemon=True).start()
        self._work_until(stop)
        sender.stop(_MAIL_LEAVES_WITHIN)
        traces.end()

    def _work_once(self) -> None:
        """Do all work that is due."""
        mail.outbox.deliver()
        backchannel.outbox.deliver()
        for work in _BESIDE:
            work()
        self._report(tidy(timezone.now()))

    def _work_until(self, stop: threading.Event) -> None:
        """Do the urgent work every few seconds, and tidy up now and then."""
        tidied_at = walked_at = float("-inf")
        while not stop.is_set():
            try:
                with traces.span("worker attend"):
                    self._attend()
                if time.monotonic() - tidied_at >= _TIDY_SECONDS:
                    with traces.span("worker tidy"):
                        self._tidy(batches(timezone.now()), stop)
                    tidied_at = time.monotonic()
                if time.monotonic() - walked_at >= _WALK_SECONDS:
                    with traces.span("worker walk"):
                        self._tidy(walk(timezone.now()), stop)
                    walked_at = time.monotonic()
            except Exception as problem:  # noqa: BLE001  the next round may go better
                log_failure("worker_failed", problem)
            close_old_connections()
            stop.wait(_PAUSE_SECONDS)

    def _attend(self) -> None:
        """Do the urgent work: notify clients of sign-outs, and end expired sessions."""
        heartbeats.beat(heartbeats.WORKER)
        backchannel.outbox.deliver()
        if time.monotonic() - self._expired_at >= _EXPIRE_SECONDS:
            self._report({"expired sessions": expire(timezone.now())})
            self._expired_at = time.monotonic()

    def _tidy(self, work: Iterator[tuple[str, int]], stop: threading.Event) -> None:
        """Delete expired rows, with urgent work between batches."""
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


def _keep(work: Callable[[], None], stop: threading.Event) -> None:
    """Repeat slow work in another thread: it must not delay a sign-out."""
    while not stop.wait(_PAUSE_SECONDS):
        try:
            with traces.span(f"worker {work.__name__.removeprefix('_')}"):
                work()
        except Exception as problem:  # noqa: BLE001  the next round may go better
            log_failure("worker_failed", problem)
        close_old_connections()


def _tell_of_sign_ins() -> None:
    """Tell apps and the push service of sign-ins elsewhere."""
    backchannel_notices.outbox.deliver()


def _fetch_logos() -> None:
    """Fetch all that are due."""
    while fetch_due(timezone.now()):
        pass


def _make_exports() -> None:
    """Make all exports of users' data that are due."""
    while make_next(timezone.now()):
        pass


def _pass_events_on() -> None:
    """Pass all events on that have settled."""
    while pass_on(timezone.now()):
        pass


def _count_events() -> None:
    """Add up the events that are new."""
    count_events(timezone.now())


#: Work that has a thread of its own.
_BESIDE = (_tell_of_sign_ins, _fetch_logos, _make_exports, _count_events, _pass_events_on)
