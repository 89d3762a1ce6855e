"""What changes about one thing, as a diff shows it, and comparing what is with what should be."""

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


class Act(StrEnum):
    """What becomes of a thing."""

    ADDED = "added"
    CHANGED = "changed"
    REMOVED = "removed"
    #: A person who is in the file no longer: they can't sign in, and their subject stays theirs.
    DISABLED = "disabled"
    #: It was not made, for want of a secret.
    LEFT_OUT = "left out"


_SIGNS = {Act.ADDED: "+", Act.CHANGED: "~", Act.REMOVED: "-", Act.DISABLED: "-", Act.LEFT_OUT: "!"}
_KINDS = {
    Act.ADDED: Kind.CREATED,
    Act.CHANGED: Kind.CHANGED,
    Act.REMOVED: Kind.DELETED,
    Act.DISABLED: Kind.CHANGED,
}


@dataclass(frozen=True)
class Change:
    """What changes about one person, app, API, scope or token; nothing in it is a secret."""

    what: str
    act: Act
    fields: dict[str, tuple[Any, Any]] = field(default_factory=dict)

    @property
    def kind(self) -> Kind | None:
        """The kind of event that it is, or None if nothing happens."""
        return _KINDS.get(self.act)

    def lines(self) -> Iterator[str]:
        """Return the change as lines of a diff."""
        yield f"{_SIGNS[self.act]} {self.what}"
        if self.act is Act.REMOVED:
            return
        for name, (before, after) in self.fields.items():
            if self.act is Act.LEFT_OUT:
                yield f"    {name} is missing"
            elif self.act is Act.ADDED:
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
    """Return what two lists have in common where they are the same changes, and only then."""
    facts = [[change.what, change.act, change.fields] for change in changes]
    text = json.dumps(facts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def differences(before: dict[str, Any], after: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Return what changes, before and after.

    Of what is new (`before` is empty) it is all that it has, and of what goes (`after` is empty)
    all that it had.
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
    counts = Counter(change.act for change in changes)
    added, changed = counts[Act.ADDED], counts[Act.CHANGED]
    removed = counts[Act.REMOVED] + counts[Act.DISABLED]
    if not added + changed + removed:
        words = "Nothing to change." if dry_run else "Nothing changed."
    elif dry_run:
        words = f"{added} to add, {changed} to change, {removed} to remove."
    else:
        words = f"{added} added, {changed} changed, {removed} removed."
    if counts[Act.LEFT_OUT]:
        words += f" {counts[Act.LEFT_OUT]} left out (!) for want of a secret."
    return words


def _from_to(name: str, before: Any, after: Any) -> str:
    if name == "scope" and before and after:
        before, after = before.split(), after.split()
    match before, after:
        case list(), list():
            return _members(before, after)
        case dict(), dict():
            return _pairs(before, after)
    return f"{before!r} -> {after!r}"


def _members(before: list[str], after: list[str]) -> str:
    """Return what came to a list and what went."""
    new, gone = Counter(after) - Counter(before), Counter(before) - Counter(after)
    parts = [
        *(f"+ {_shown(item)}" for item in new.elements()),
        *(f"- {_shown(item)}" for item in gone.elements()),
    ]
    return " ".join(parts) or "in another order"


def _pairs(before: dict[str, Any], after: dict[str, Any]) -> str:
    """Return what came to a mapping, what changed in it and what went."""
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
