"""How lines are written: one each, without rows, in both renderings."""

import json
import logging
import os
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import psycopg
import pytest
import structlog
from django.http import HttpRequest

from foundation.logs import REQUEST_ID, brief, logging_configuration

TRAP = "x\n\x1b[2K\r\x9b\u2028\u202e[info] signed-in"


def a_handler(*, json: bool) -> tuple[logging.Handler, StringIO]:
    """Return the handler to standard error as it is configured, and what it writes to."""
    configuration = logging_configuration(json=json)["formatters"]["structured"]
    stream = StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(configuration.pop("()")(**configuration))
    return handler, stream


def written(*, json: bool, **record: Any) -> str:
    """Return what a line of Django's looks like."""
    handler, stream = a_handler(json=json)
    handler.handle(
        logging.makeLogRecord({"name": "django", "levelname": "ERROR", "levelno": 40, **record})
    )
    return stream.getvalue()


@pytest.mark.parametrize("json", [True, False])
def test_no_text_ends_a_line_or_moves_the_cursor(*, json: bool) -> None:
    line = written(json=json, msg="%s", args=(TRAP,))
    assert line.endswith("\n")
    assert line[:-1].isprintable()
    assert "signed-in" in line


@pytest.mark.parametrize("as_json", [True, False])
def test_a_traceback_is_part_of_its_line(*, as_json: bool) -> None:
    with pytest.raises(ValueError) as broke:
        int(TRAP)
    line = written(json=as_json, msg="broke", exc_info=broke._excinfo)
    assert line[:-1].isprintable()
    assert "Traceback" in line


@pytest.fixture
def logger() -> Iterator[logging.Logger]:
    """The logger that structlog's of this name writes to; one who adds a handler sees its lines."""
    logger = logging.getLogger("idp.tests")
    yield logger
    for handler in list(logger.handlers):
        logger.removeHandler(handler)
    logger.setLevel(logging.NOTSET)


def test_lines_of_our_own_look_the_same(logger: logging.Logger) -> None:
    handler, stream = a_handler(json=True)
    logger.addHandler(handler)
    request = REQUEST_ID.set("4711")
    try:
        structlog.get_logger("idp.tests").info("happened", text=TRAP, path=Path("/x"), nothing=None)
    finally:
        REQUEST_ID.reset(request)
    written = stream.getvalue()
    assert written.endswith("\n")
    assert written[:-1].isprintable()
    line = json.loads(written)
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "happened",
        "level": "info",
        "logger": "idp.tests",
        "request_id": "4711",
        "text": TRAP,
        "path": repr(Path("/x")),
        "nothing": None,
    }


def test_an_operators_handler_gets_our_lines_with_all_that_logging_knows(
    logger: logging.Logger,
) -> None:
    logging_configuration(json=True)
    stream = StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        logging.Formatter("%(name)s %(filename)s %(threadName)s %(process)d %(message)s")
    )
    logger.addHandler(handler)
    structlog.get_logger("idp.tests").warning("happened", count=3)
    name, file, thread, process, message = stream.getvalue().split(" ", 4)
    assert (name, file, thread) == ("idp.tests", "test_logs.py", "MainThread")
    assert int(process) == os.getpid()
    line = json.loads(message)
    assert (line["event"], line["count"]) == ("happened", 3)


def test_a_level_that_an_operator_sets_for_one_logger_holds(logger: logging.Logger) -> None:
    handler, stream = a_handler(json=True)
    logger.addHandler(handler)
    logger.setLevel(logging.ERROR)
    structlog.get_logger("idp.tests").warning("not this")
    logger.setLevel(logging.DEBUG)
    structlog.get_logger("idp.tests").debug("but this")
    assert json.loads(stream.getvalue())["event"] == "but this"


def test_a_line_says_which_request_it_is_about() -> None:
    request = HttpRequest()
    request.path, request.method, request.META["QUERY_STRING"] = "/token", "POST", "code=abc"
    request.request_id = "4711"  # type: ignore[attr-defined]
    line = json.loads(written(json=True, msg="broke", request=request))
    assert (line["request_id"], line["method"], line["path"]) == ("4711", "POST", "/token")
    assert "abc" not in str(line)


@pytest.mark.parametrize("as_json", [True, False])
def test_rows_that_the_database_quotes_are_left_out(*, as_json: bool) -> None:
    """PostgreSQL tells in `DETAIL` what was in the row that it refused."""
    try:
        try:
            raise psycopg.IntegrityError(
                "null value\nDETAIL:  Failing row contains (1, s3cret,\n\nx)."
            )
        except psycopg.Error as error:
            raise RuntimeError("told") from error
    except RuntimeError as error:
        exc_info = (type(error), error, error.__traceback__)
    line = written(json=as_json, msg="broke", exc_info=exc_info)
    assert "s3cret" not in line
    assert "null value" in line
    assert "told" in line


def test_what_strangers_cause_is_short_and_without_what_addresses_carry() -> None:
    record = logging.makeLogRecord(
        {
            "name": "django.security.csrf",
            "msg": "Forbidden (%s): %s",
            "args": (
                "Referer https://rp.example.com/cb?code=s3cret&x=y#t does not fit",
                "y" * 9999,
            ),
            "exc_info": (ValueError, ValueError(), None),
        }
    )
    brief(record)
    assert record.getMessage().startswith("Forbidden (Referer https://rp.example.com/cb••• does")
    assert len(record.getMessage()) == 300
    assert record.exc_info is None
