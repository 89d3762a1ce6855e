"""Whether the database has the tables that the code expects."""

from functools import cache

from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder

_RUN = "run signet migrate, or manage.py migrate in a checkout"


def missing_migrations() -> list[str]:
    """Return the code's migrations that the database does not have, such as `idp.0001_initial`."""
    applied = MigrationRecorder(connection).applied_migrations()
    return sorted(f"{app}.{name}" for app, name in _of_the_code() - applied.keys())


def problem_with_schema() -> str | None:
    """Return in a sentence what `migrate` has to do; None if there is nothing to do."""
    missing = missing_migrations()
    if not missing:
        return None
    if len(missing) == len(_of_the_code()):
        return f"The database has no tables yet: {_RUN}."
    count = "a migration is" if len(missing) == 1 else f"{len(missing)} migrations are"
    return (
        f"The database's schema is behind the code: {count} missing, the first {missing[0]}: "
        f"{_RUN}."
    )


@cache
def _of_the_code() -> frozenset[tuple[str, str]]:
    return frozenset(MigrationLoader(None).graph.nodes)
