"""A command as a process beside the server, restarted when it dies."""

import os
import subprocess
import sys
import threading

import structlog

log = structlog.get_logger(__name__)
_PAUSE_SECONDS = 1


class KeptProcess:
    """A running command of `manage.py`, such as the worker, which ends with this process."""

    def __init__(self, command: str, *arguments: str) -> None:
        self._command, self._arguments = command, arguments
        self._stopping = threading.Event()
        self._process = self._start()
        self._keeper = threading.Thread(target=self._keep, daemon=True)
        self._keeper.start()

    def stop(self) -> None:
        """Let the process finish its work in progress, and wait for it."""
        self._stopping.set()
        self._process.terminate()
        self._keeper.join()

    def _keep(self) -> None:
        while True:
            code = self._process.wait()
            if self._stopping.wait(_PAUSE_SECONDS):
                return
            log.warning(f"{self._command}_started_again", exit_code=code)
            self._process = self._start()
            if self._stopping.is_set():
                self._process.terminate()

    def _start(self) -> "subprocess.Popen[bytes]":
        parent = ["--parent", str(os.getpid())]
        return subprocess.Popen(
            [sys.executable, sys.argv[0], self._command, *self._arguments, *parent]
        )
