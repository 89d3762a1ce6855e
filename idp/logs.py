"""Logging: structured lines, JSON in production; never a code, token, secret or password."""

import logging
from typing import Any

import structlog

_SHARED: list[Any] = [
    structlog.contextvars.merge_contextvars,
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
]


class WithoutTraceback(logging.Filter):
    """Drops a record's traceback: strangers must not fill the log by what they send."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Let the record pass, without its traceback and cut to a line's length."""
        record.exc_info = record.exc_text = None
        record.msg = str(record.msg)[:200]
        return True


def logging_configuration(*, json: bool) -> dict[str, Any]:
    """Return Django's LOGGING: one handler to standard error, `json` or for a person's eyes.

    Both escape control characters in values, so a line of input can't forge a line of log.
    """
    structlog.configure(
        processors=[*_SHARED, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    renderer = (
        structlog.processors.JSONRenderer()
        if json
        else structlog.processors.KeyValueRenderer(key_order=["level", "event"])
    )
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "structured": {
                "()": structlog.stdlib.ProcessorFormatter,
                "foreign_pre_chain": _SHARED,
                "processors": [
                    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                    structlog.processors.format_exc_info,
                    renderer,
                ],
            }
        },
        "filters": {"brief": {"()": WithoutTraceback}},
        "handlers": {
            "stderr": {"class": "logging.StreamHandler", "formatter": "structured"},
            "brief": {
                "class": "logging.StreamHandler",
                "formatter": "structured",
                "filters": ["brief"],
            },
        },
        "root": {"handlers": ["stderr"], "level": "INFO"},
        "loggers": {
            "django": {"handlers": [], "level": "INFO", "propagate": True},
            "django.request": {"level": "ERROR"},  # a 4xx is logged where its reason is known
            # What strangers send is a line, not a traceback.
            "django.security": {"handlers": ["brief"], "propagate": False},
        },
    }
