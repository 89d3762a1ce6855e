"""`manage.py worker`: what goes on beside requests, until told to stop."""

import signal
import threading
from argparse import ArgumentParser
from typing import Any

import structlog
from django.core.management.base import BaseCommand
from django.db import Error, close_old_connections
from django.utils import timezone

from idp.housekeeping import tidy

log = structlog.get_logger(__name__)
_PAUSE_SECONDS = 60


class Command(BaseCommand):
    """Work."""

    help = "Expire what is over and keep the keys' schedule, every minute; --once does it once."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Say whether once is enough."""
        parser.add_argument("--once", action="store_true", help="do what is due and stop")

    def handle(self, *_: Any, once: bool, **__: Any) -> None:
        """Work until a signal asks to stop; what is under way is finished first."""
        if once:
            self._report(tidy(timezone.now()))
            return
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        while not stop.is_set():
            try:
                self._report(tidy(timezone.now()))
            except Error:
                log.exception("worker_failed")  # the database will be back
            close_old_connections()
            stop.wait(_PAUSE_SECONDS)

    def _report(self, deleted: dict[str, int]) -> None:
        went = {name: count for name, count in deleted.items() if count}
        if went:
            log.info("tidied", **{name.replace(" ", "_"): count for name, count in went.items()})
