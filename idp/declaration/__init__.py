"""The declarative configuration: what a file says should be, compared with what is.

Top-level lists are `users`, `clients`, `resource_servers`, `scopes` and `initial_access_tokens`.
Members keep the names that the specifications give them.
"""

from collections.abc import Collection, Iterator
from typing import Any

from django.db import IntegrityError, OperationalError, connection, transaction

from idp import events
from idp.declaration import file, run
from idp.declaration.caller import COMMAND, Caller
from idp.declaration.change import Act, Change, differences, fingerprint, summary
from idp.declaration.lists import lists_of, refuse_environment
from idp.declaration.members import ChangedMeanwhileError, DeclarationError
from idp.declaration.sections import SECTIONS, entry_of, key_of, name_of, state_of

__all__ = [
    "SECTIONS",
    "Act",
    "Caller",
    "Change",
    "ChangedMeanwhileError",
    "DeclarationError",
    "apply",
    "differences",
    "entry_of",
    "export",
    "fingerprint",
    "key_of",
    "name_of",
    "state_of",
    "summary",
]

_BATCH = 500


def apply(
    declaration: Any,
    *,
    dry_run: bool,
    prune: bool = False,
    leave_out: bool = False,
    caller: Caller = COMMAND,
) -> list[Change]:
    """Make everything as declared, all of it or nothing, and return what changed.

    With `prune`, what a list of the file does not name goes. With `leave_out`, what needs a secret
    that the file does not have is left out instead of refused. Raises DeclarationError naming each
    entry and member that can't be, ChangedMeanwhileError where the caller agreed to other changes.
    """
    lists = lists_of(declaration)
    if not caller.has_environment:
        refuse_environment(lists)
    try:
        with transaction.atomic():
            if caller.agreed is not None:
                _see_one_moment()
            changes = run.changes(lists, prune=prune, leave_out=leave_out, most=caller.most)
            if caller.agreed not in {None, fingerprint(changes)}:
                raise ChangedMeanwhileError("Something was changed since these changes were shown.")
            if dry_run:
                transaction.set_rollback(True)
            else:
                _conclude(changes, caller)
    except (IntegrityError, OperationalError):
        raise DeclarationError(
            "Somebody else changed the same things at this moment. Nothing was done; try again."
        ) from None
    return changes


def export(*, form: str = "yaml", only: Collection[str] = tuple(SECTIONS)) -> Iterator[str]:
    """Return what is, as the text of a file that declares it; rows are read in batches."""
    return file.text_of({name: _entries(name) for name in SECTIONS if name in only}, form)


def _entries(name: str) -> Iterator[dict[str, Any]]:
    return map(entry_of, SECTIONS[name].rows().iterator(chunk_size=_BATCH))


def _see_one_moment() -> None:
    """Let the transaction fail where others change what it has read and changes, too."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")


def _conclude(changes: list[Change], caller: Caller) -> None:
    """Record every change, in the transaction that makes it, and do what follows from it."""
    for change in changes:
        if change.kind is not None:
            caller.record(change.kind, target=change.what, changes=events.masked(change.fields))
        if change.afterwards is not None:
            change.afterwards()
