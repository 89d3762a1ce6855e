"""Render JSON columns for display: names and values, lists, yes and no."""

import re
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db.models import JSONField
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext as _

from foundation import iso_times

NOTHING = "–"
_TIME = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")


def facts(pairs: Iterable[tuple[str, Any]]) -> SafeString | str:
    """Return names and values as a list, recursively."""
    return format_html(
        '<dl class="story">{}</dl>',
        format_html_join("", "<dt>{}</dt><dd>{}</dd>", ((n, fact(v)) for n, v in pairs)),
    )


def fact(value: Any) -> SafeString | str:
    """Return a value as users read it."""
    match value:
        case bool():
            return _("yes") if value else _("no")
        case None | "" | []:
            return NOTHING
        case dict():
            return facts(value.items()) if value else NOTHING
        case list():
            return format_html_join(mark_safe("<br>"), "{}", ((fact(item),) for item in value))
        case str() if _TIME.fullmatch(value):
            return when(datetime.fromisoformat(value))
        case _:
            return format_html("<code>{}</code>", value)


def changes(pairs: dict[str, list[Any]]) -> SafeString | str:
    """Return each field with its value before and after."""
    rows = ((name, *map(fact, before_and_after)) for name, before_and_after in pairs.items())
    return format_html(
        '<dl class="story">{}</dl>',
        format_html_join("", "<dt>{}</dt><dd><del>{}</del> → <ins>{}</ins></dd>", rows),
    )


def when(moment: datetime) -> SafeString:
    """Return a time as the administration writes it, to the minute."""
    return iso_times.moment(moment)


class JsonColumn:
    """A JSON column of a model, for reading."""

    def __init__(self, field: "JSONField[Any, Any]") -> None:
        self.column = self.__name__ = field.name
        self.short_description = field.verbose_name

    def __call__(self, row: Any) -> SafeString | str:
        """Return the row's value as users read it."""
        return fact(getattr(row, self.column))
