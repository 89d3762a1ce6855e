"""`manage.py serve`: the provider on granian, refusing to start where it would be unsafe."""

import os
from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.checks import ERROR, run_checks
from django.core.management.base import BaseCommand, CommandError
from django.db import connections

from idp import fetching
from idp.management import processes
from idp.management.database import prepare_database
from idp.management.worker_process import WorkerProcess


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
        parser.add_argument("--with-worker", action="store_true", help="run the worker beside")

    def handle(
        self, *_: Any, bind: str, workers: int, threads: int, with_worker: bool, **__: Any
    ) -> None:
        """Check, prepare the database, and serve until a signal."""
        host, _colon, port = bind.rpartition(":")
        if not host or not port.isdigit():
            raise CommandError("--bind takes HOST:PORT, such as 127.0.0.1:8000")
        if not settings.IDP_DEVELOPMENT:
            self._refuse_what_is_unsafe()
        host = host.strip("[]")
        try:
            held = processes.hold_port(host, int(port))
        except processes.PortTakenError as problem:
            raise CommandError(f"Can't serve at {problem}.") from None
        prepare_database()
        connections.close_all()  # none may live across a fork
        settings.IDP_THREADS = threads  # of the processes that serve, forked from this one …
        fetching.places.share_out(threads)
        os.environ["IDP_THREADS"] = str(threads)  # … and of those that read the settings anew
        self.stdout.write(f"Serving {settings.IDP_ISSUER} on {bind}")
        worker = WorkerProcess() if with_worker else None
        server = processes.RequestServer(
            host=host, port=int(port), processes=workers, threads=threads, logs=settings.LOGGING
        )
        try:
            server.serve()
        finally:
            if worker is not None:
                worker.stop()
            held.close()

    def _refuse_what_is_unsafe(self) -> None:
        unsafe = [
            message
            for message in run_checks(include_deployment_checks=True)
            if message.level >= ERROR and not message.is_silenced()
        ]
        if unsafe:
            listed = "\n".join(f"- {message.msg}\n  {message.hint}" for message in unsafe)
            raise CommandError(f"{settings.IDP_ISSUER} would be unsafe:\n{listed}")
