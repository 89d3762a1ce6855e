"""The declarative configuration: what a file says should be, compared with what is.

Top-level lists are `users`, `clients`, `resource_servers`, `scopes` and `initial_access_tokens`.
Members keep the names that the specifications give them.
"""

from collections.abc import Callable, Collection, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from django.db import IntegrityError, transaction

from idp import events
from idp.declaration import file
from idp.declaration.change import Act, Change, differences, merged
from idp.declaration.clients import apply_client
from idp.declaration.initial_access_tokens import apply_initial_access_token
from idp.declaration.lists import Lists, lists_of
from idp.declaration.members import DeclarationError, MissingSecretError
from idp.declaration.resource_servers import apply_resource_server, appoint
from idp.declaration.scopes import apply_scope
from idp.declaration.sections import SECTIONS, entry_of, key_of, name_of, state_of
from idp.declaration.users import apply_user
from idp.models.client import known_scopes

__all__ = [
    "SECTIONS",
    "Act",
    "Change",
    "DeclarationError",
    "apply",
    "differences",
    "entry_of",
    "export",
    "key_of",
    "name_of",
    "state_of",
]

Make = Callable[[dict[str, Any]], Change | None]

_BATCH = 1000
#: What goes first is what others refer to.
_PRUNED_IN_ORDER = ("initial_access_tokens", "clients", "resource_servers", "scopes", "users")


def apply(
    declaration: Any, *, dry_run: bool, prune: bool = False, leave_out: bool = False
) -> list[Change]:
    """Make everything as declared, all of it or nothing, and return what changed.

    With `prune`, what a list of the file does not name goes. With `leave_out`, what needs a secret
    that the file does not have is left out instead of refused. Raises DeclarationError naming each
    entry and member that can't be.
    """
    lists = lists_of(declaration)
    try:
        with transaction.atomic():
            changes = _changes(lists, prune=prune, leave_out=leave_out)
            if dry_run:
                transaction.set_rollback(True)
            else:
                _conclude(changes)
    except IntegrityError:
        raise DeclarationError(
            "Somebody else changed the same things at this moment. Nothing was done; try again."
        ) from None
    return changes


def export(*, form: str = "yaml", only: Collection[str] = tuple(SECTIONS)) -> Iterator[str]:
    """Return what is, as the text of a file that declares it; rows are read in batches."""
    return file.text_of({name: _entries(name) for name in SECTIONS if name in only}, form)


def _entries(name: str) -> Iterator[dict[str, Any]]:
    return map(entry_of, SECTIONS[name].rows().iterator(chunk_size=_BATCH))


@dataclass
class _Run:
    """What changed so far, what is wrong, and what had to be left out."""

    leave_out: bool
    changes: list[Change] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    clients_left_out: set[str] = field(default_factory=set)
    scopes_left_out: set[str] = field(default_factory=set)

    def each(self, name: str, entries: list[dict[str, Any]], make: Make) -> None:
        """Make every entry, and go on after one that can't be, so that all problems are told."""
        for entry in entries:
            try:
                with transaction.atomic() if self.leave_out else nullcontext():
                    change = make(entry)
            except DeclarationError as problem:
                missing = self._missing(entry, problem)
                if missing is None:
                    self.problems.append(str(problem))
                    continue
                change = self._left_out(name, entry, missing)
            if change is not None:
                self.changes.append(change)

    def _missing(self, entry: dict[str, Any], problem: DeclarationError) -> str | None:
        """Return for want of what an entry is to be left out, or None if it is refused."""
        if not self.leave_out:
            return None
        if isinstance(problem, MissingSecretError):
            return problem.member
        lost = self.scopes_left_out & set(str(entry.get("scope")).split())
        return f"scope {min(lost)}" if lost else None

    def _left_out(self, name: str, entry: dict[str, Any], missing: str) -> Change:
        """Remember what nothing can refer to, so that references to it are no mistakes."""
        key = entry[SECTIONS[name].key]
        if name == "clients":
            self.clients_left_out.add(key)
        self.scopes_left_out |= set(entry.get("scopes", ()))
        return Change(f"{SECTIONS[name].noun} {key}", Act.LEFT_OUT, {missing: (None, None)})


def _changes(lists: Lists, *, prune: bool, leave_out: bool) -> list[Change]:
    """Change everything, references after what they refer to, and return how."""
    offered = set(known_scopes())
    run = _Run(leave_out)
    if prune:
        run.changes += _pruned(lists)
    steps = (
        ("users", apply_user),
        ("resource_servers", apply_resource_server),
        ("scopes", apply_scope),
        ("clients", apply_client),
        ("initial_access_tokens", apply_initial_access_token),
        ("resource_servers", partial(appoint, left_out=run.clients_left_out)),
    )
    for name, make in steps:
        run.each(name, lists.get(name, []), make)
    problems = run.problems or list(_stranded(offered - set(known_scopes())))
    if problems:
        raise DeclarationError("\n".join(problems))
    return merged(run.changes)


def _pruned(lists: Lists) -> Iterator[Change]:
    for name in _PRUNED_IN_ORDER:
        if name in lists:
            section = SECTIONS[name]
            yield from section.prune({entry[section.key] for entry in lists[name]})


def _stranded(gone: set[str]) -> Iterator[str]:
    """Return what would go on naming scopes that there are no more, a problem each."""
    if not gone:
        return
    for name in ("clients", "initial_access_tokens"):
        section = SECTIONS[name]
        for key, scopes in section.rows().values_list(section.key, "scopes").iterator():
            if lost := gone & set(scopes):
                yield f"{section.noun} {key}: scope: Nothing offers {min(lost)} any more."


def _conclude(changes: list[Change]) -> None:
    """Record every change, in the transaction that makes it, and do what follows from it."""
    for change in changes:
        if change.kind is not None:
            events.record(
                change.kind,
                target=change.what,
                changes=events.masked(change.fields),
                by="apply",
            )
        if change.afterwards is not None:
            change.afterwards()
