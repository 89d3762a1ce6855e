"""Planned changes, and making them: a few at a time, each where its row is as it was planned for.

Every batch is a short transaction. A run that is cut short has made some changes and none by half;
the next run finds what is left to do.
"""

import time
from collections import deque
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, TypeVar

from django.core.exceptions import ObjectDoesNotExist
from django.db import IntegrityError, OperationalError, transaction
from django.db.models import Model

from foundation.batches import give_way
from idp import events
from idp.declaration.caller import Caller
from idp.declaration.change import Change

#: What progress is told as, where the rest is comparing.
CHANGES_MADE = "Changes made"
#: Changes of a batch at the most, and seconds after which its transaction ends earlier.
_MOST = 20
_LONGEST = 0.05

M = TypeVar("M", bound=Model)


class ConflictError(Exception):
    """A row is not, or no longer, as it was when its change was planned."""


def nothing() -> None:
    """Do nothing."""


@dataclass(frozen=True)
class Step:
    """A planned change, and how it is made."""

    change: Change
    #: Makes the change, in a transaction.
    make: Callable[[], object] = nothing
    #: Does first, outside of transactions, what takes longer, such as hashing a password.
    prepare: Callable[[], object] = nothing


def perform(steps: Collection[Step], caller: Caller, made: list[Change]) -> None:
    """Make planned changes, with an event of each in the same transaction; add them to `made`.

    Raises ConflictError where somebody else has changed a row, or does so at the same moment.
    """
    waiting = deque(steps)
    try:
        while waiting:
            began = time.monotonic()
            batch = deque(waiting.popleft() for _ in range(min(_MOST, len(waiting))))
            for step in batch:
                step.prepare()
            while batch:
                began = time.monotonic()
                made += _some_made(batch, caller)
                caller.progress(CHANGES_MADE, len(made), len(made) + len(batch) + len(waiting))
                if batch or waiting:
                    give_way(began)
    except (IntegrityError, OperationalError, ObjectDoesNotExist) as error:
        raise ConflictError(str(error)) from error


def _some_made(batch: deque[Step], caller: Caller) -> list[Change]:
    """Make changes in one transaction, until it has taken long enough; return which."""
    began = time.monotonic()
    made: list[Change] = []
    with transaction.atomic():
        while batch and time.monotonic() - began < _LONGEST:
            step = batch.popleft()
            change = step.change
            step.make()
            if change.kind is not None:
                caller.record(change.kind, target=change.what, changes=events.masked(change.fields))
            made.append(change)
    return made


def updated(
    planned: M,
    fields: dict[str, tuple[Any, Any]],
    state: Callable[[M], dict[str, Any]],
    columns: Collection[str],
) -> M:
    """Return the stored row of a planned one, locked, with the columns of the planned one.

    The row is not saved. Raises ConflictError where what `fields` says was before is not so.
    """
    row = locked(planned)
    check_unchanged(row, fields, state)
    for column in columns:
        setattr(row, column, getattr(planned, column))
    return row


def locked(planned: M) -> M:
    """Return the stored row of a planned one, locked. Raises ObjectDoesNotExist."""
    rows: Any = type(planned)._default_manager.select_for_update(no_key=True)
    return rows.get(pk=planned.pk)  # type: ignore[no-any-return]


def check_unchanged(
    row: M, fields: dict[str, tuple[Any, Any]], state: Callable[[M], dict[str, Any]]
) -> None:
    """Raise ConflictError where a row is not what these changes say that it was before."""
    present = state(row)
    for name, (before, _after) in fields.items():
        if name in present and present[name] != before:
            raise ConflictError(f"{name} is another one now.")
