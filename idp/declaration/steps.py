"""Steps: planned changes, made in batches, each if its row is still as it was planned for.

Every batch is a short transaction. An interrupted run has made some changes, each completely; the
next run finds the rest.
"""

import time
from collections import deque
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, islice
from typing import Any, TypeVar

from django.core.exceptions import ObjectDoesNotExist
from django.db import IntegrityError, OperationalError, transaction
from django.db.models import Model

from accounts.models import User
from foundation.batches import give_way
from idp import events
from idp.declaration.actor import Actor
from idp.declaration.change import Change, Outcome
from idp.models import Client

#: The stage that progress reports here, after comparing.
CHANGES_MADE = "Changes made"
#: Maximum number of changes of a batch, and seconds after which its transaction ends earlier.
_MOST = 20
_LONGEST = 0.05
#: Maximum number of changes that are made together, in one transaction.
_MOST_TOGETHER = 200

M = TypeVar("M", bound=Model)


class ConflictError(Exception):
    """A row is not, or no longer, as it was when its change was planned."""


def nothing() -> None:
    """Do nothing."""


@dataclass(frozen=True)
class Step:
    """A planned change, and how it is made."""

    change: Change
    #: Makes the change, in a transaction. A user or client that it returns is linked by the event.
    make: Callable[[], object] = nothing
    #: Runs first, outside of transactions, for slow work such as hashing a password.
    prepare: Callable[[], object] = nothing
    #: Takes the place of `make` for users who are added: adds those of several steps that have the
    #: same of these one after another, in a few statements for all.
    make_together: Callable[[Sequence[tuple[User, Change]]], object] | None = None
    #: The user whom this adds.
    new_user: User | None = None


def perform(steps: Collection[Step], actor: Actor, made: list[Change]) -> None:
    """Make planned changes, with an event of each in the same transaction; add them to `made`.

    Raises ConflictError where another user has changed a row, or does so at the same moment.
    """
    planned = len(made) + len(steps)
    try:
        for batch in _batches(steps):
            for step in batch:
                step.prepare()
            while batch:
                began = time.monotonic()
                made += _some_made(batch, actor)
                actor.progress(CHANGES_MADE, len(made), planned)
                if len(made) < planned:
                    give_way(began)
    except (IntegrityError, OperationalError, ObjectDoesNotExist) as error:
        raise ConflictError(str(error)) from error


def _batches(steps: Collection[Step]) -> Iterator[deque[Step]]:
    """Yield the steps in batches; those that are made together have batches of their own."""
    for make_together, alike in groupby(steps, key=lambda step: step.make_together):
        most = _MOST_TOGETHER if make_together else _MOST
        while batch := deque(islice(alike, most)):
            yield batch


def _some_made(batch: deque[Step], actor: Actor) -> list[Change]:
    """Make changes in one transaction, until it has taken long enough; return which."""
    began = time.monotonic()
    made: list[Change] = []
    with transaction.atomic():
        if make_together := batch[0].make_together:
            new = [(step.new_user, step.change) for step in batch if step.new_user]
            make_together(new)
            actor.record_created([(user, change.what, change.fields) for user, change in new])
            made += [change for _, change in new]
            batch.clear()
        while batch and time.monotonic() - began < _LONGEST:
            step = batch.popleft()
            change = step.change
            row = step.make()
            if change.kind is not None:
                changes = events.masked(change.fields)
                actor.record(change.kind, target=change.what, changes=changes, **_links_to(row))
            made.append(change)
    return made


def _links_to(row: object) -> dict[str, Any]:
    """Return the user or the app that an event about a row links to."""
    match row:
        case User():
            return {"user": row}
        case Client():
            return {"client_id": row.client_id}
    return {}


def step_for(
    what: str, fields: dict[str, tuple[Any, Any]], make: Callable[[], None], *, is_new: bool
) -> Step | None:
    """Return the step that adds or changes a row, or None if it is as declared already."""
    if not fields and not is_new:
        return None
    return Step(Change(what, Outcome.ADDED if is_new else Outcome.CHANGED, fields), make)


def updated(
    planned: M,
    fields: dict[str, tuple[Any, Any]],
    state: Callable[[M], dict[str, Any]],
    columns: Collection[str],
) -> M:
    """Return the stored row of a planned one, locked, with the columns of the planned one.

    The row is not saved. Raises ConflictError if its columns differ from those before in `fields`.
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
    """Raise ConflictError if a row differs from what these changes were planned for."""
    present = state(row)
    for name, (before, _after) in fields.items():
        if name in present and present[name] != before:
            raise ConflictError(f"{name} is another one now.")
