"""Rows whose members are columns of the same names, as a file declares them."""

from collections.abc import Collection
from functools import partial
from typing import Any, TypeVar

from django.db.models import Model

from idp.declaration.change import differences
from idp.declaration.members import validate
from idp.declaration.steps import Step, step_for, updated

M = TypeVar("M", bound=Model)


def state_of_columns(row: Model, columns: Collection[str]) -> dict[str, Any]:
    """Return the columns of a row by name."""
    return {name: getattr(row, name) for name in columns}


def plan_row(
    what: str, row: M, entry: dict[str, Any], columns: Collection[str]
) -> tuple[M, Step | None]:
    """Return a stored or new row as an entry declares it, and the step that makes it so.

    Columns that the entry leaves out get their defaults. Raises DeclarationError.
    """
    state = partial(state_of_columns, columns=columns)
    is_new = row.pk is None
    before = {} if is_new else state(row)
    for name, default in state(type(row)()).items():
        setattr(row, name, entry.get(name, default))
    validate(what, row)
    fields = differences(before, state(row))

    def make() -> None:
        planned = row if is_new else updated(row, fields, state, columns)
        planned.save()

    return row, step_for(what, fields, make, is_new=is_new)
