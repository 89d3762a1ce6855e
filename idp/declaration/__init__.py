"""The declarative configuration: what a file says should be, compared with what is.

Top-level lists are `users`, `clients`, `resource_servers`, `scopes` and `initial_access_tokens`.
Members keep the names that the specifications give them.
"""

from collections.abc import Collection, Iterator
from typing import Any

from idp.declaration import file, run
from idp.declaration.caller import COMMAND, Caller
from idp.declaration.change import Act, Change, differences, fingerprint, merged, summary
from idp.declaration.lists import lists_of, refuse_environment
from idp.declaration.members import ChangedMeanwhileError, DeclarationError, IncompleteError
from idp.declaration.sections import SECTIONS, entry_of, key_of, name_of, state_of
from idp.declaration.snapshot import snapshot
from idp.declaration.steps import CHANGES_MADE, ConflictError, perform

__all__ = [
    "CHANGES_MADE",
    "COMMAND",
    "SECTIONS",
    "Act",
    "Caller",
    "Change",
    "ChangedMeanwhileError",
    "DeclarationError",
    "IncompleteError",
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
#: How often changes are planned where others change the same rows.
_TRIES = 3


def apply(
    declaration: Any,
    *,
    dry_run: bool,
    prune: bool = False,
    leave_out: bool = False,
    caller: Caller = COMMAND,
) -> list[Change]:
    """Make everything as declared, and return what changed.

    All changes are planned before the first is made, in batches; where somebody else changes the
    same rows, what is left is planned again, unless the caller agreed to certain changes.

    With `prune`, what a list of the file does not name goes. With `leave_out`, what needs a secret
    that the file does not have is left out instead of refused. Raises, with nothing done,
    DeclarationError naming each entry and member that can't be, and ChangedMeanwhileError where the
    caller agreed to other changes; IncompleteError where some changes are made.
    """
    lists = lists_of(declaration)
    if not caller.has_environment:
        refuse_environment(lists)
    made: list[Change] = []
    for tries_left in reversed(range(1 if caller.agreed is not None else _TRIES)):
        made = [change for change in made if change.kind is not None]  # left out is told anew
        with snapshot():
            steps = run.planned(
                lists, prune=prune, leave_out=leave_out, most=caller.most, progress=caller.progress
            )
        changes = merged([step.change for step in steps])
        if caller.agreed not in {None, fingerprint(changes)}:
            raise ChangedMeanwhileError("Something was changed since these changes were shown.")
        if dry_run:
            return changes
        planned = len(made) + len(steps)
        try:
            perform(steps, caller, made)
        except ConflictError as conflict:
            if not tries_left:
                raise _stopped(made, planned, caller) from conflict
        else:
            break
    return merged(made)


def _stopped(made: list[Change], planned: int, caller: Caller) -> DeclarationError:
    """Return what to raise where others changed what these changes were planned for."""
    if made or caller.agreed is None:
        return IncompleteError(made, planned)
    return ChangedMeanwhileError("Something was changed since these changes were shown.")


def export(*, form: str = "yaml", only: Collection[str] = tuple(SECTIONS)) -> Iterator[str]:
    """Return what is at one moment, as the text of a file that declares it.

    Rows are read in batches. Iterate to the end at once: until then the database keeps the moment.
    """
    with snapshot():
        yield from file.text_of({name: _entries(name) for name in SECTIONS if name in only}, form)


def _entries(name: str) -> Iterator[dict[str, Any]]:
    return map(entry_of, SECTIONS[name].rows().iterator(chunk_size=_BATCH))
