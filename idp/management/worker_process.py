"""The worker as a process beside the server, restarted when it dies."""

import os
import subprocess
import sys
import threading

import structlog

log = structlog.get_logger(__name__)
_PAUSE_SECONDS = 1


class WorkerProcess:
    """A running `manage.py worker`."""

    def __init__(self) -> None:
        self._stopping = threading.Event()
        self._process = _start()
        self._keeper = threading.Thread(target=self._keep, daemon=True)
        self._keeper.start()

    def stop(self) -> None:
        """Let the worker finish its work in progress, and wait for it."""
        self._stopping.set()
        self._process.terminate()
        self._keeper.join()

    def _keep(self) -> None:
        while True:
            code = self._process.wait()
            if self._stopping.wait(_PAUSE_SECONDS):
                return
            log.warning("worker_started_again", exit_code=code)
            self._process = _start()
            if self._stopping.is_set():
                self._process.terminate()


def _start() -> subprocess.Popen[bytes]:
    parent = str(os.getpid())
    return subprocess.Popen([sys.executable, sys.argv[0], "worker", "--parent", parent])
