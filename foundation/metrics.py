"""Metrics of the processes that serve: counted in each, in files which one process adds up.

Nothing is counted, and the library is not loaded, until `begin` was called: callers ask first
whether there are `instruments`. That is before the processes are forked, since the library looks
for its folder once.
"""

import os
from pathlib import Path
from typing import Any, Final

_FOLDER: Final = "PROMETHEUS_MULTIPROC_DIR"
#: Upper bounds in seconds: of machine endpoints, pages, and pages that hash a password.
_SECONDS: Final = (0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class Instruments:
    """What is counted. The values of every label are few, whatever requests send."""

    def __init__(self) -> None:
        from prometheus_client import Counter, Gauge, Histogram

        self.requests = Counter("signet_requests", "Requests answered.", ["endpoint", "status"])
        self.seconds = Histogram(
            "signet_request_duration_seconds",
            "Time from a request to its response.",
            ["endpoint"],
            buckets=_SECONDS,
        )
        self.tokens = Counter("signet_token_responses", "Token responses.", ["grant_type"])
        self.sign_ins = Counter("signet_sign_ins", "Sign-ins.", ["result", "method"])
        self.denials = Counter("signet_denials", "Requests refused.", ["error"])
        self.connections = Gauge(
            "signet_database_connections_in_use",
            "Database connections that requests use now.",
            multiprocess_mode="livesum",
        )
        self.connections_limit = Gauge(
            "signet_database_connections_limit",
            "Database connections that requests may use at once.",
            multiprocess_mode="livesum",
        )


#: None where nothing is counted.
instruments: Instruments | None = None


def begin(folder: str) -> None:
    """Count from now on, in this process and those forked from it, in files of a folder."""
    global instruments
    os.environ[_FOLDER] = folder
    instruments = Instruments()


def registry() -> Any:
    """Return what all processes have counted, for one process that shows it."""
    from prometheus_client import CollectorRegistry
    from prometheus_client.multiprocess import MultiProcessCollector

    counted = CollectorRegistry()
    MultiProcessCollector(counted, os.environ[_FOLDER])  # type: ignore[no-untyped-call]
    return counted


def forget_ended_processes() -> None:
    """Remove what ended processes had in use; what they had counted stays."""
    from prometheus_client.multiprocess import mark_process_dead

    for file in Path(os.environ[_FOLDER]).glob("gauge_live*.db"):
        process = int(file.stem.rpartition("_")[2])
        if not _is_alive(process):
            mark_process_dead(process)  # type: ignore[no-untyped-call]


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True
