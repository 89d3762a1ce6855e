"""One entry's change, what can be wrong with one, and comparing what is with what should be."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Model

#: How a secret that is set appears in a diff.
NEW_SECRET = ("•••", "••• (new)")


class DeclarationError(Exception):
    """The file says something that can't be; the message names where."""


@dataclass(frozen=True)
class Change:
    """What is to change about one person, client or API; nothing in it is a secret."""

    what: str
    is_new: bool
    fields: dict[str, tuple[Any, Any]] = field(default_factory=dict)

    def lines(self) -> Iterator[str]:
        """Return the change as lines of a diff."""
        yield f"{'+' if self.is_new else '~'} {self.what}"
        for name, (before, after) in self.fields.items():
            if self.is_new:
                yield f"    {name}: {after!r}"
            else:
                yield f"    {name}: {before!r} -> {after!r}"


def refuse_unknown(where: str, entry: dict[str, Any], known: Iterable[str]) -> None:
    """Raise DeclarationError naming members that nobody knows."""
    unknown = sorted(str(name) for name in set(entry) - set(known))
    if unknown:
        raise DeclarationError(f"{where}: unknown: {', '.join(unknown)}.")


def validate(where: str, row: Model, exclude: Iterable[str] = ()) -> None:
    """Raise DeclarationError with every problem that the row has with itself, by field."""
    try:
        row.full_clean(exclude=set(exclude))
    except ValidationError as error:
        problems = "; ".join(
            f"{name}: {' '.join(texts)}" for name, texts in error.message_dict.items()
        )
        raise DeclarationError(f"{where}: {problems}") from None


def differences(before: dict[str, Any], after: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Return what changes, before and after; of a new row, what it has at all."""
    return {
        name: (before.get(name), value)
        for name, value in after.items()
        if before.get(name) != value and (before or value not in (None, "", [], {}, False))
    }
