"""The declarative configuration: apply a file to the database, and export it.

Top-level lists are `attributes`, `users`, `trusted_issuers`, `upstreams`, `clients`,
`resource_servers`, `scopes` and `initial_access_tokens`; `brand` is a mapping. Members have the
specifications’ names.
"""

from collections.abc import Collection, Iterator
from typing import Any

from idp.declaration import file, run
from idp.declaration.actor import COMMAND, Actor
from idp.declaration.change import Change, Outcome, differences, fingerprint, merged, summary
from idp.declaration.lists import lists_of, refuse_environment
from idp.declaration.members import ChangedMeanwhileError, DeclarationError, IncompleteError
from idp.declaration.sections import SECTIONS, entry_of, key_of, name_of, state_of
from idp.declaration.snapshot import snapshot
from idp.declaration.steps import CHANGES_MADE, ConflictError, perform

__all__ = [
    "CHANGES_MADE",
    "COMMAND",
    "SECTIONS",
    "Actor",
    "Change",
    "ChangedMeanwhileError",
    "DeclarationError",
    "IncompleteError",
    "Outcome",
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

#: How often changes are planned where others change the same rows.
_ATTEMPTS = 3


def apply(
    declaration: Any,
    *,
    dry_run: bool,
    prune: bool = False,
    leave_out: bool = False,
    actor: Actor = COMMAND,
) -> list[Change]:
    """Make the database match the file, and return the changes.

    All changes are planned before the first is made, in batches. If another transaction changes the
    same rows, the rest is planned again, unless the actor agreed to certain changes.

    With `prune`, rows that a list of the file does not name are deleted. With `leave_out`, entries
    that need a secret missing from the file are left out instead of refused. Raises, with nothing
    done, DeclarationError naming each invalid entry and member, and ChangedMeanwhileError if the
    actor agreed to other changes; IncompleteError if only some changes are made.
    """
    lists = lists_of(declaration)
    if not actor.has_environment:
        refuse_environment(lists)
    made: list[Change] = []
    for attempts_left in reversed(range(1 if actor.agreed is not None else _ATTEMPTS)):
        made = [
            change for change in made if change.kind is not None
        ]  # Left-out entries are reported anew.
        with snapshot():
            steps = run.planned(
                lists, prune=prune, leave_out=leave_out, most=actor.most, progress=actor.progress
            )
        changes = merged([step.change for step in steps])
        if actor.agreed not in {None, fingerprint(changes)}:
            raise ChangedMeanwhileError("Something was changed since these changes were shown.")
        if dry_run:
            return changes
        planned = len(made) + len(steps)
        try:
            perform(steps, actor, made)
        except ConflictError as conflict:
            if not attempts_left:
                raise _stopped(made, planned, actor) from conflict
        else:
            break
    return merged(made)


def _stopped(made: list[Change], planned: int, actor: Actor) -> DeclarationError:
    """Return the error for rows that changed after the plan was made."""
    if made or actor.agreed is None:
        return IncompleteError(made, planned)
    return ChangedMeanwhileError("Something was changed since these changes were shown.")


def export(*, form: str = "yaml", only: Collection[str] = tuple(SECTIONS)) -> Iterator[str]:
    """Yield the configuration at one moment, as the text of a file that declares it.

    Rows are read in batches. Iterate to the end at once: until then the database keeps the
    snapshot.
    """
    with snapshot():
        singles = [name for name, section in SECTIONS.items() if section.is_single]
        lists = {name: _entries(name) for name in SECTIONS if name in only}
        yield from file.text_of(lists, form, singles)


def _entries(name: str) -> Iterator[dict[str, Any]]:
    return map(entry_of, SECTIONS[name].stored())
