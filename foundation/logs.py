"""Logging: structured lines, JSON in production; never a code, token, secret or password.

Every line of a request carries its `request_id`: set by the middleware, read here.
"""

import logging
import re
import traceback
from contextvars import ContextVar
from typing import Any

import structlog
from structlog.contextvars import STRUCTLOG_KEY_PREFIX

#: The id of the request that is being answered; None outside of one. By the prefix of its name
#: structlog knows that lines have it.
REQUEST_ID: ContextVar[str | None] = ContextVar(f"{STRUCTLOG_KEY_PREFIX}request_id", default=None)
MASK = "•••"


_SHARED: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]


#: The query of a URL, which may have a code or a token.
_CARRIED = re.compile(r"[?#]\S+")
#: The row that PostgreSQL refused, quoted to the end of its message.
_QUOTED_ROW = re.compile(
    r"^DETAIL: .*?(?=\n\n(?:The above|During handling)|\Z)", re.MULTILINE | re.DOTALL
)
_LONGEST_LINE = 300


def brief(record: logging.LogRecord) -> None:
    """Shorten a record of Django's security log: attackers must not fill the log with requests.

    Removes its traceback and the queries of URLs: Django quotes the Referer of a form that it
    refuses.
    """
    record.exc_info = record.exc_text = None
    record.msg = _CARRIED.sub(MASK, record.getMessage())[:_LONGEST_LINE]
    record.args = None


def _of_its_request(_logger: Any, _method: str, event: dict[str, Any]) -> dict[str, Any]:
    """Add the id of the request that Django passes with a record."""
    request = getattr(event["_record"], "request", None)
    for name in ("request_id", "method", "path"):
        value = getattr(request, name, None)
        if value is not None:
            event.setdefault(name, value)
    return event


def _traceback(exc_info: Any) -> str:
    """Return a traceback without the rows that database errors quote."""
    text = "".join(traceback.format_exception(*exc_info)).removesuffix("\n")
    return _QUOTED_ROW.sub(f"DETAIL: {MASK}", text)


class StructuredFormatter(structlog.stdlib.ProcessorFormatter):
    """Writes our own lines, which are rendered already, and gives those of others the same form."""

    def format(self, record: logging.LogRecord) -> str:
        """Return a record's line."""
        if hasattr(record, "is_rendered"):
            return record.getMessage()
        if record.name.startswith("django.security"):
            brief(record)
        return super().format(record)


def _to_logging(
    _logger: Any, _method: str, line: Any
) -> tuple[tuple[str], dict[str, dict[str, bool] | int]]:
    """Hand a rendered line to `logging`, with the place in the code three frames up."""
    return (line,), {"extra": {"is_rendered": True}, "stacklevel": 3}


def logging_configuration(*, json: bool, level: str = "INFO") -> dict[str, Any]:
    """Return Django's LOGGING: one handler to standard error, `json` or text to read.

    `level` is the name of the lowest level that is logged, in capitals. Both formats escape control
    characters in values, so a line of input can't forge a line of log. Our own lines are records of
    `logging`, too; structlog renders their messages.
    """
    rendering: list[Any] = [
        structlog.processors.ExceptionRenderer(_traceback),
        structlog.processors.JSONRenderer(default=repr)
        if json
        else structlog.processors.KeyValueRenderer(key_order=["level", "event"]),
    ]
    structlog.configure(
        processors=[structlog.stdlib.filter_by_level, *_SHARED, *rendering, _to_logging],
        logger_factory=logging.getLogger,
        wrapper_class=structlog.make_filtering_bound_logger(logging.DEBUG),
        cache_logger_on_first_use=True,
    )
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "structured": {
                "()": StructuredFormatter,
                "foreign_pre_chain": [*_SHARED, _of_its_request],
                "processors": [
                    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                    *rendering,
                ],
            }
        },
        "handlers": {
            "stderr": {
                "class": "logging.StreamHandler",
                "formatter": "structured",
            },
        },
        "root": {"handlers": ["stderr"], "level": level},
        "loggers": {
            # Django's own LOGGING, which is applied before, has handlers for these.
            "django": {"handlers": [], "level": level, "propagate": True},
            "django.request": {"level": "ERROR"},  # a 4xx is logged where its reason is known
        },
    }
