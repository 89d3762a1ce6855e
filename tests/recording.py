"""Record which statements each test file sends, so that `scripts/choose_tests.py` can choose.

Only with RECORD_STATEMENTS=directory: the test process and its servers append what they send, each
statement of each test file once.
"""

import hashlib
import os
import re
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from django.apps import AppConfig
from django.db.backends.signals import connection_created

DIRECTORY = os.environ.get("RECORD_STATEMENTS")
#: What this process has recorded.
_seen: set[str] = set()
#: Values and the lengths of lists make no other statement.
_VALUES = re.compile(r"'[^']*'|\b\d+\b|%s(?:, *%s)*")


def name_file(file: str) -> None:
    """Note the test file that runs now in this test process."""
    if DIRECTORY:
        _current().write_text(file)


def _current() -> Path:
    return Path(DIRECTORY or "", os.environ.get("PYTEST_XDIST_WORKER", "main"))


class Recorder(AppConfig):
    """Watches every connection, where statements are recorded."""

    name = "tests.recording"
    label = "test_recording"

    def ready(self) -> None:
        """Watch connections from now on."""
        if DIRECTORY:
            connection_created.connect(_watch, weak=False)


def _watch(connection: Any, **_: Any) -> None:
    if _record not in connection.execute_wrappers:  # it connects again and again
        connection.execute_wrappers.append(_record)


def _record(execute: Callable[..., Any], sql: Any, params: Any, many: Any, context: Any) -> Any:
    with suppress(OSError):
        statement = hashlib.sha256(_VALUES.sub("?", str(sql)).encode()).hexdigest()[:16]
        entry = f"{_current().read_text()} {statement}"
        if entry not in _seen:
            _seen.add(entry)
            with Path(DIRECTORY or "", f"{os.getpid()}.log").open("a") as log:
                log.write(f"{entry}\n")
    return execute(sql, params, many, context)
