"""`manage.py metrics`: shows what the processes of `serve` count, which starts it."""

import signal
import threading
from argparse import ArgumentParser
from collections.abc import Iterator
from typing import Any

from django.core.management.base import BaseCommand
from prometheus_client import CollectorRegistry, start_http_server

from foundation import metrics
from idp.database_metrics import DatabaseMetrics
from idp.management.processes import address_of, end_with


class Command(BaseCommand):
    """Show metrics."""

    help = "Show metrics to Prometheus at /metrics. `serve --metrics HOST:PORT` starts it."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the address, and the process that is shown."""
        parser.add_argument("bind", metavar="HOST:PORT")
        parser.add_argument("--parent", type=int, required=True)

    def handle(self, *_: Any, bind: str, parent: int, **__: Any) -> None:
        """Answer Prometheus until a signal."""
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        end_with(parent)
        host, port = address_of(bind)
        shown = CollectorRegistry()
        shown.register(_Counted())
        shown.register(DatabaseMetrics())
        start_http_server(port, host, shown)
        stop.wait()


class _Counted:
    """What the processes have counted."""

    def collect(self) -> Iterator[Any]:
        """Yield it, without what ended processes had in use."""
        metrics.forget_ended_processes()
        yield from metrics.registry().collect()
