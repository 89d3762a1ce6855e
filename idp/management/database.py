"""What `serve` and the worker need of the database before they begin, or a sentence why not."""

from django.core.management.base import CommandError
from django.db import Error

from foundation.outages import part_out_of_order
from foundation.schema import problem_with_schema
from idp import keys


def prepare_database() -> None:
    """Make the signing keys that are missing. Raises CommandError if the database can't be used."""
    try:
        problem = problem_with_schema()
        if problem is None:
            keys.ensure_keys()
            problem = _problem_with_keys()
    except Error as error:
        if part_out_of_order(error) is None:
            raise
        raise CommandError(f"The database can't be used: {' '.join(str(error).split())}") from None
    if problem is not None:
        raise CommandError(problem)


def refuse_other_keys() -> None:
    """Raise CommandError if IDP_SECRET_KEYS are not those of this database, where it answers.

    Work with other keys would give up email that it can't open.
    """
    try:
        problem = None if problem_with_schema() else _problem_with_keys()
    except Error as error:
        if part_out_of_order(error) is None:
            raise
        return
    if problem is not None:
        raise CommandError(problem)


def _problem_with_keys() -> str | None:
    closed = keys.closed()
    if not closed:
        return None
    oldest = min(key.created_at for key in closed)
    return (
        f"No key of IDP_SECRET_KEYS opens {len(closed)} of the database's signing keys, the oldest "
        f"made on {oldest:%Y-%m-%d}. Add the server key under which they were stored, as it was "
        "before the restore or the change; nothing was changed in the database."
    )
