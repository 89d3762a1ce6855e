"""Values that SQLite has as text where PostgreSQL has types."""

import json
from datetime import UTC, datetime
from typing import Any

from django.utils.dateparse import parse_datetime


def json_of(value: Any) -> Any:
    """Return what a JSON column has."""
    return json.loads(value) if isinstance(value, str) else value


def datetime_of(value: datetime | str) -> datetime:
    """Return the time that a column has; ValueError where it is none."""
    moment = value if isinstance(value, datetime) else parse_datetime(value)
    if moment is None:
        raise ValueError(f"not a time: {value!r}")
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)  # SQLite keeps no zone
