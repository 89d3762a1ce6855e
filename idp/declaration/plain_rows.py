"""Rows whose members are columns of the same names, as a file declares them."""

from collections.abc import Callable, Collection
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
    what: str,
    row: M,
    entry: dict[str, Any],
    columns: Collection[str],
    clean: Callable[[], None] | None = None,
) -> tuple[M, Step | None]:
    """Return a stored or new row as an entry declares it, and the step that makes it so.

    See `set_columns`. Raises DeclarationError.
    """
    fields = set_columns(what, row, entry, columns, clean)
    return row, step_of_columns(what, row, fields, columns)


def set_columns(
    what: str,
    row: Model,
    entry: dict[str, Any],
    columns: Collection[str],
    clean: Callable[[], None] | None = None,
) -> dict[str, tuple[Any, Any]]:
    """Set the columns of a row as an entry declares them, and return what that changes.

    Columns that the entry leaves out get their defaults. `clean` replaces the row's own. Raises
    DeclarationError.
    """
    before = {} if row.pk is None else state_of_columns(row, columns)
    for name, default in state_of_columns(type(row)(), columns).items():
        setattr(row, name, entry.get(name, default))
    validate(what, row, clean=clean)
    return differences(before, state_of_columns(row, columns))


def step_of_columns(
    what: str, row: M, fields: dict[str, tuple[Any, Any]], columns: Collection[str]
) -> Step | None:
    """Return the step that saves these columns of a row, or None if there is nothing to do."""
    is_new = row.pk is None
    state = partial(state_of_columns, columns=columns)

    def make() -> None:
        planned = row if is_new else updated(row, fields, state, columns)
        planned.save()

    return step_for(what, fields, make, is_new=is_new)
