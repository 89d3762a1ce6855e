"""Record the statements that each test sends, for `scripts/choose_tests.py`.

Only with RECORD_STATEMENTS=directory: the test process and its servers append what they send, each
statement of each test function once: a digest of its text, and its kind. A kind is what is done to
which tables by which means of SQL; the columns and the order of conditions make no other kind.
"""

import os
import re
from collections.abc import Callable
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import Any

from django.apps import AppConfig
from django.db.backends.signals import connection_created

DIRECTORY = os.environ.get("RECORD_STATEMENTS")
#: What this process has recorded.
_seen: set[str] = set()
_TABLES = re.compile(r'(?:FROM|JOIN|INTO|UPDATE)\s+"?(\w+)"?', re.IGNORECASE)
#: What makes no other statement: how many values a list has, and the names of savepoints.
_VALUES, _MADE_UP = re.compile(r"%s(?:, %s)+|\(%s\)(?:, \(%s\))+"), re.compile(r"s\d+_x\d+")
#: What databases do in ways of their own.
_MEANS = re.compile(
    r"\b(?:RETURNING|ON CONFLICT|FOR UPDATE|LIKE|ESCAPE|REGEXP|JSON\w*|CAST|DISTINCT|GROUP BY"
    r"|EXISTS|CASE|COALESCE|LEFT OUTER JOIN|INNER JOIN|ORDER BY|LIMIT|OFFSET|UNION|COUNT|MAX|MIN"
    r"|SUM|WITH|BETWEEN|SAVEPOINT|RELEASE|ROLLBACK|BEGIN|DJANGO_\w+|IN \(SELECT)\b",
    re.IGNORECASE,
)


def name_test(function: str) -> None:
    """Note the test that runs now in this test process, as `tests/file.py::function`."""
    if DIRECTORY:
        _current().write_text(function)


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
        entry = f"{_current().read_text()} {_digest(str(sql))} {_kind(str(sql))}"
        if entry not in _seen:
            _seen.add(entry)
            with Path(DIRECTORY or "", f"{os.getpid()}.log").open("a") as log:
                log.write(f"{entry}\n")
    return execute(sql, params, many, context)


def _digest(sql: str) -> str:
    return sha256(_MADE_UP.sub("s", _VALUES.sub("%s", sql)).encode()).hexdigest()[:16]


def _kind(sql: str) -> str:
    verb = sql.split(maxsplit=1)[0].upper()
    tables = sorted(set(_TABLES.findall(sql)))
    means = sorted({found.upper() for found in _MEANS.findall(sql)})
    return " ".join([verb, *tables, *means])
