"""How lines are written: one each, without rows, in both renderings."""

import json
import logging
from io import StringIO
from pathlib import Path
from typing import Any

import psycopg
import pytest
import structlog
from django.http import HttpRequest

from idp.logs import REQUEST_ID, Brief, logging_configuration

TRAP = "x\n\x1b[2K\r\x9b\u2028\u202e[info] signed-in"


def written(*, json: bool, **record: Any) -> str:
    """Return what a line of Django's looks like."""
    configuration = logging_configuration(json=json)["formatters"]["structured"]
    stream = StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(configuration.pop("()")(**configuration))
    handler.handle(logging.makeLogRecord({"levelname": "ERROR", "levelno": 40, **record}))
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


def test_lines_of_our_own_look_the_same(capsys: pytest.CaptureFixture[str]) -> None:
    logging_configuration(json=True)
    request = REQUEST_ID.set("4711")
    try:
        structlog.get_logger("idp.tests").info("happened", text=TRAP, path=Path("/x"), nothing=None)
    finally:
        REQUEST_ID.reset(request)
    written = capsys.readouterr().err
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
            "msg": "Forbidden (%s): %s",
            "args": (
                "Referer https://rp.example.com/cb?code=s3cret&x=y#t does not fit",
                "y" * 9999,
            ),
            "exc_info": (ValueError, ValueError(), None),
        }
    )
    assert Brief().filter(record)
    assert record.getMessage().startswith("Forbidden (Referer https://rp.example.com/cb••• does")
    assert len(record.getMessage()) == 300
    assert record.exc_info is None
