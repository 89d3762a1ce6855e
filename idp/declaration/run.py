"""One run of a file: in which order, past mistakes so that all are told, and what is left out."""

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from django.db import transaction

from idp.declaration.change import Act, Change, merged
from idp.declaration.clients import apply_client
from idp.declaration.initial_access_tokens import apply_initial_access_token
from idp.declaration.lists import Lists
from idp.declaration.members import DeclarationError, MissingSecretError
from idp.declaration.resource_servers import apply_resource_server, appoint
from idp.declaration.scopes import apply_scope
from idp.declaration.sections import SECTIONS
from idp.declaration.users import Present, apply_user
from idp.models.client import known_scopes

Make = Callable[[dict[str, Any]], Change | None]

_BATCH = 500
#: What refers to others goes before them.
_PRUNED_IN_ORDER = ("initial_access_tokens", "clients", "resource_servers", "scopes", "users")


def changes(lists: Lists, *, prune: bool, leave_out: bool, most: int | None = None) -> list[Change]:
    """Change everything, references after what they refer to, and return how.

    Call it in a transaction: it raises DeclarationError when it has done what it could, and as soon
    as more than `most` things change.
    """
    offered = set(known_scopes())
    run = _Run(leave_out, most)
    if prune:
        for change in _pruned(lists):
            run.add(change)
    people = lists.get("users", [])
    for start in range(0, len(people), _BATCH):
        batch = people[start : start + _BATCH]
        run.each("users", batch, partial(apply_user, present=Present.of(batch)))
    steps = (
        ("resource_servers", apply_resource_server),
        ("scopes", apply_scope),
        ("clients", apply_client),
        ("initial_access_tokens", apply_initial_access_token),
        ("resource_servers", partial(appoint, left_out=run.left_out)),
    )
    for name, make in steps:
        run.each(name, lists.get(name, []), make)
    problems = run.problems or list(_stranded(offered - set(known_scopes())))
    if problems:
        raise DeclarationError("\n".join(problems))
    return merged(run.changes)


@dataclass
class _Run:
    """What changed so far, what is wrong, and what had to be left out."""

    leave_out: bool
    most: int | None
    changes: list[Change] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    #: By list and key, so that references to them are no mistakes.
    left_out: set[tuple[str, str]] = field(default_factory=set)
    scopes_left_out: set[str] = field(default_factory=set)

    def each(self, name: str, entries: list[dict[str, Any]], make: Make) -> None:
        """Make every entry, and go on after one that can't be, so that all problems are told."""
        for entry in entries:
            if (name, entry[SECTIONS[name].key]) in self.left_out:
                continue
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
                self.add(change)

    def add(self, change: Change) -> None:
        """Note a change, unless there are too many."""
        self.changes.append(change)
        if self.most is not None and len(self.changes) > self.most:
            raise DeclarationError(
                f"This changes more than {self.most} things at once. Use manage.py apply on the "
                "server for that."
            )

    def _missing(self, entry: dict[str, Any], problem: DeclarationError) -> str | None:
        """Return for want of what an entry is to be left out, or None if it is refused."""
        if not self.leave_out:
            return None
        if isinstance(problem, MissingSecretError):
            return problem.member
        lost = self.scopes_left_out & set(str(entry.get("scope")).split())
        return f"scope {min(lost)}" if lost else None

    def _left_out(self, name: str, entry: dict[str, Any], missing: str) -> Change:
        section = SECTIONS[name]
        self.left_out.add((name, entry[section.key]))
        self.scopes_left_out |= set(entry.get("scopes", ()))
        return Change(f"{section.noun} {entry[section.key]}", Act.LEFT_OUT, {missing: (None, None)})


def _pruned(lists: Lists) -> Iterator[Change]:
    for name in _PRUNED_IN_ORDER:
        if name in lists:
            section = SECTIONS[name]
            yield from section.pruned({entry[section.key] for entry in lists[name]})


def _stranded(gone: set[str]) -> Iterator[str]:
    """Return what would go on naming scopes that there are no more, a problem each."""
    if not gone:
        return
    for name in ("clients", "initial_access_tokens"):
        section = SECTIONS[name]
        for key, scopes in section.rows().values_list(section.key, "scopes").iterator():
            if lost := gone & set(scopes):
                yield f"{section.noun} {key}: scope: Nothing offers {min(lost)} any more."
