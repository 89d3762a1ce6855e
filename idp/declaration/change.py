"""Changes of one entry, shown as a diff, and comparison of present and declared values."""

import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from foundation.logs import MASK
from idp.events import Kind

#: How a secret that is set appears in a diff.
NEW_SECRET = (MASK, f"{MASK} (new)")

_NOTHING: tuple[Any, ...] = (None, "", [], {}, False)
_PLAIN = re.compile(r"[!-~]+")


class Outcome(StrEnum):
    """What happens to the row of an entry."""

    ADDED = "added"
    CHANGED = "changed"
    REMOVED = "removed"
    #: A user who is missing from the file: they can't sign in, and their subject is not reused.
    DISABLED = "disabled"
    #: It was not made, for want of a secret.
    LEFT_OUT = "left out"


_SIGNS = {
    Outcome.ADDED: "+",
    Outcome.CHANGED: "~",
    Outcome.REMOVED: "-",
    Outcome.DISABLED: "-",
    Outcome.LEFT_OUT: "!",
}
_KINDS = {
    Outcome.ADDED: Kind.CREATED,
    Outcome.CHANGED: Kind.CHANGED,
    Outcome.REMOVED: Kind.DELETED,
    Outcome.DISABLED: Kind.CHANGED,
}


@dataclass(frozen=True)
class Change:
    """The change of one user, app, API, scope or token, without secrets."""

    what: str
    outcome: Outcome
    fields: dict[str, tuple[Any, Any]] = field(default_factory=dict)

    @property
    def kind(self) -> Kind | None:
        """The kind of event, or None if nothing changes."""
        return _KINDS.get(self.outcome)

    def lines(self) -> Iterator[str]:
        """Return the change as lines of a diff."""
        yield f"{_SIGNS[self.outcome]} {self.what}"
        if self.outcome is Outcome.REMOVED:
            return
        for name, (before, after) in self.fields.items():
            if self.outcome is Outcome.LEFT_OUT:
                yield f"    {name} is missing"
            elif self.outcome is Outcome.ADDED:
                yield f"    {name}: {after!r}"
            else:
                yield f"    {name}: {_from_to(name, before, after)}"


def merged(changes: list[Change]) -> list[Change]:
    """Return the changes with those of one thing, made in two steps, as one."""
    by_name: dict[str, Change] = {}
    for change in changes:
        first = by_name.get(change.what)
        by_name[change.what] = (
            replace(first, fields={**first.fields, **change.fields}) if first else change
        )
    return list(by_name.values())


def fingerprint(changes: list[Change]) -> str:
    """Return a hash that two lists share if and only if they are the same changes."""
    facts = [[change.what, change.outcome, change.fields] for change in changes]
    text = json.dumps(facts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def differences(before: dict[str, Any], after: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Return the changed fields, before and after.

    For a new row (`before` is empty) these are all its fields, and for a deleted one (`after` is
    empty) all that it had.
    """
    if not after:
        return {name: (value, None) for name, value in before.items() if value not in _NOTHING}
    return {
        name: (before.get(name), after.get(name))
        for name in {**before, **after}
        if before.get(name) != after.get(name) and (before or after[name] not in _NOTHING)
    }


def summary(changes: list[Change], *, dry_run: bool) -> str:
    """Return in a sentence how many things change, or would."""
    counts = Counter(change.outcome for change in changes)
    added, changed = counts[Outcome.ADDED], counts[Outcome.CHANGED]
    removed = counts[Outcome.REMOVED] + counts[Outcome.DISABLED]
    if not added + changed + removed:
        words = "Nothing to change." if dry_run else "Nothing changed."
    elif dry_run:
        words = f"{added} to add, {changed} to change, {removed} to remove."
    else:
        words = f"{added} added, {changed} changed, {removed} removed."
    if counts[Outcome.LEFT_OUT]:
        words += f" {counts[Outcome.LEFT_OUT]} left out (!) for want of a secret."
    return words


def _from_to(name: str, before: Any, after: Any) -> str:
    if name == "scope" and before and after:
        before, after = before.split(), after.split()
    match before, after:
        case list(), list() if all(isinstance(item, str) for item in [*before, *after]):
            return _members(before, after)
        case dict(), dict():
            return _pairs(before, after)
    return f"{before!r} -> {after!r}"


def _members(before: list[str], after: list[str]) -> str:
    """Return added and removed members of a list."""
    new, gone = Counter(after) - Counter(before), Counter(before) - Counter(after)
    parts = [
        *(f"+ {_shown(item)}" for item in new.elements()),
        *(f"- {_shown(item)}" for item in gone.elements()),
    ]
    return " ".join(parts) or "in another order"


def _pairs(before: dict[str, Any], after: dict[str, Any]) -> str:
    """Return added, changed and removed pairs of a mapping."""
    parts = [
        *(f"+ {_shown(key)}: {after[key]!r}" for key in after if key not in before),
        *(
            f"~ {_shown(key)}: {before[key]!r} -> {after[key]!r}"
            for key in after
            if key in before and before[key] != after[key]
        ),
        *(f"- {_shown(key)}" for key in before if key not in after),
    ]
    return " ".join(parts)


def _shown(text: str) -> str:
    return text if _PLAIN.fullmatch(text) else repr(text)
