"""Columns of times, for lists and for reading in forms."""

from typing import Any

from django.db.models import Field
from django.utils.safestring import SafeString

from foundation.iso_times import moment
from idp.admin.facts import NOTHING


class TimeColumn:
    """A column of times, for lists and for reading in forms."""

    def __init__(self, field: "Field[Any, Any]") -> None:
        self.column = self.__name__ = field.name
        self.short_description = field.verbose_name

    def __call__(self, row: Any) -> SafeString | str:
        """Return the row's time, or a dash."""
        at = getattr(row, self.column)
        return NOTHING if at is None else moment(at)


def columns_of(model: Any, *names: str) -> tuple[Any, ...]:
    """Return the columns of times of these names."""
    return tuple(TimeColumn(model._meta.get_field(name)) for name in names)
