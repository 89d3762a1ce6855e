"""Refuse migrations with which the previous release can't work: expand first, contract later.

During an upgrade, processes of the previous release read and write the new schema
(docs/operators/upgrading.md). So a migration may not take away what they name, and a new column may
not need a value, since they don't write it: it is null, or has a default in the database
(`db_default`). What nothing reads any more is dropped in the release after.
"""

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "idp.settings")

import django
from django.db.migrations import operations as made
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.operations.base import Operation
from django.db.migrations.state import ProjectState
from django.db.models import NOT_PROVIDED, Field

#: The last migrations of the previous release. Those before are not looked at.
RELEASED = {"foundation": "0004", "accounts": "0019", "idp": "0050"}
#: Migrations that may: why the previous release works with them, or what the changelog says.
ALLOWED: dict[str, str] = {
    "accounts.0022_subjects_as_text": "The changelog says that processes have to be stopped.",
    "idp.0060_pairwise_subjects_as_text": "As accounts.0022, which it belongs to.",
    "idp.0054_device_codes": "The previous release never writes to the table of device codes.",
}
_TAKES_AWAY = re.compile(
    r"\bDROP\s+(TABLE|COLUMN)\b|\bRENAME\b|\bSET\s+NOT\s+NULL\b", re.IGNORECASE
)
_TAKE_AWAY = (
    *(made.DeleteModel, made.RemoveField),
    *(made.RenameModel, made.RenameField, made.AlterModelTable),
)


def problems(app: str, operations: list[Any], before: ProjectState) -> Iterator[str]:
    """Yield what the previous release could not work with, a sentence each."""
    state = before.clone()
    for operation in operations:
        if isinstance(operation, made.SeparateDatabaseAndState):
            yield from problems(app, operation.database_operations, state)
        else:
            yield from _problems(operation, app, state)
        operation.state_forwards(app, state)


def _problems(operation: Operation, app: str, state: ProjectState) -> Iterator[str]:
    match operation:
        case _ if isinstance(operation, _TAKE_AWAY):
            yield f"{operation.describe()}: the previous release reads it."
        case made.RunSQL() if _TAKES_AWAY.search(str(operation.sql)):
            yield "SQL that drops, renames or requires: the previous release may read or leave it."
        case made.AddField() if _needs_value(operation.field):
            yield (
                f"{operation.describe()}: the previous release writes rows without it. "
                "Let it be null, or give it a db_default."
            )
        case made.AlterField():
            old = state.models[app, operation.model_name_lower].fields[operation.name]
            for problem in _narrowed(old, operation.field):
                yield f"{operation.describe()}: {problem}."


def _needs_value(field: Any) -> bool:
    is_column = field.get_internal_type() != "ManyToManyField"
    return is_column and not field.null and field.db_default is NOT_PROVIDED


def _narrowed(old: "Field[Any, Any]", new: "Field[Any, Any]") -> Iterator[str]:
    if old.null and not new.null:
        yield "it may not be null any more"
    if old.get_internal_type() != new.get_internal_type():
        yield "it has another type"
    if old.max_length and new.max_length and new.max_length < old.max_length:
        yield "it is shorter"
    if old.db_column != new.db_column:
        yield "its column has another name"


def findings() -> Iterator[str]:
    """Yield the problems of all migrations since the previous release."""
    loader = MigrationLoader(None)
    for (app, name), migration in sorted(loader.disk_migrations.items()):
        label = f"{app}.{name}"
        if app in RELEASED and name[:4] > RELEASED[app] and label not in ALLOWED:
            before = loader.project_state((app, name), at_end=False)
            for problem in problems(app, migration.operations, before):
                yield f"{label}: {problem}"


if __name__ == "__main__":
    django.setup()
    found = list(findings())
    print(*found, sep="\n", end="\n" if found else "")
    sys.exit(bool(found))
