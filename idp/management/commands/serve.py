"""`manage.py serve`: the provider on granian, refusing to start where it would be unsafe."""

import os
from argparse import ArgumentParser
from contextlib import ExitStack
from socket import socket
from tempfile import TemporaryDirectory
from typing import Any

from django.conf import settings
from django.core.checks import ERROR, run_checks
from django.core.management.base import BaseCommand, CommandError
from django.db import connections

from foundation import metrics
from idp import fetching
from idp.management import processes
from idp.management.database import prepare_database
from idp.management.kept_process import KeptProcess


class Command(BaseCommand):
    """Serve."""

    help = "Serve the provider. On an address others can reach, it refuses unsafe settings."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the address and the numbers of processes and threads."""
        parser.add_argument("--bind", default="127.0.0.1:8000", metavar="HOST:PORT")
        parser.add_argument("--workers", type=int, default=1, metavar="N", help="processes")
        parser.add_argument(
            "--threads",
            type=int,
            default=settings.IDP_THREADS,
            metavar="N",
            help="requests that each works on at once",
        )
        parser.add_argument(
            "--metrics",
            default=settings.IDP_METRICS,
            dest="metrics_at",
            metavar="HOST:PORT",
            help="show metrics to Prometheus at this address, which the public must not reach",
        )
        parser.add_argument("--with-worker", action="store_true", help="run the worker beside")

    def handle(
        self,
        *_: Any,
        bind: str,
        workers: int,
        threads: int,
        with_worker: bool,
        metrics_at: str,
        **__: Any,
    ) -> None:
        """Check, prepare the database, and serve until a signal."""
        host, port = _address(bind)
        if not settings.IDP_DEVELOPMENT:
            self._refuse_what_is_unsafe()
        with ExitStack() as ended_with_us:
            ended_with_us.enter_context(_held(host, port))
            if metrics_at:
                _held(*_address(metrics_at)).close()
                metrics.begin(ended_with_us.enter_context(TemporaryDirectory()))
            prepare_database()
            connections.close_all()  # none may live across a fork
            processes.stop_at_once_after_forks()
            processes.look_for_garbage_seldom()
            settings.IDP_THREADS = threads  # of the processes that serve, forked from this one …
            fetching.places.share_out(threads)
            os.environ["IDP_THREADS"] = str(threads)  # … and of those that read the settings anew
            self.stdout.write(f"Serving {settings.IDP_ISSUER} on {bind}")
            if metrics_at:
                ended_with_us.callback(KeptProcess("metrics", metrics_at).stop)
            if with_worker:
                ended_with_us.callback(KeptProcess("worker").stop)
            processes.RequestServer(
                host=host, port=port, processes=workers, threads=threads, logs=settings.LOGGING
            ).serve()

    def _refuse_what_is_unsafe(self) -> None:
        unsafe = [
            message
            for message in run_checks(include_deployment_checks=True)
            if message.level >= ERROR and not message.is_silenced()
        ]
        if unsafe:
            listed = "\n".join(f"- {message.msg}\n  {message.hint}" for message in unsafe)
            raise CommandError(f"{settings.IDP_ISSUER} would be unsafe:\n{listed}")


def _address(bind: str) -> tuple[str, int]:
    try:
        return processes.address_of(bind)
    except ValueError as problem:
        raise CommandError(str(problem)) from None


def _held(host: str, port: int) -> socket:
    try:
        return processes.hold_port(host, port)
    except processes.PortTakenError as problem:
        raise CommandError(f"Can't serve at {problem}.") from None
