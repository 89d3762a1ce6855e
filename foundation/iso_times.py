"""Times as the administration writes them: ISO 8601, to the minute, with their zone."""

from datetime import UTC, datetime

from django.utils.html import format_html
from django.utils.safestring import SafeString


def written(at: datetime, *, seconds: bool = False) -> str:
    """Return a time in UTC as text."""
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M{':%S' if seconds else ''}} UTC"


def moment(at: datetime, *, seconds: bool = False) -> SafeString:
    """Return a time in UTC, which static/times.js shows in the reader's zone."""
    return format_html(
        '<time datetime="{}" data-as="{}">{}</time>',
        at.astimezone(UTC).isoformat(timespec="seconds"),
        "second" if seconds else "minute",
        written(at, seconds=seconds),
    )
