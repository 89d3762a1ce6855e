"""The actor who applies a file: how changes are recorded, and limits on them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from accounts.models import User
from idp import events


@dataclass(frozen=True)
class Actor:
    """The command at the server, which may do everything; or an operator at a browser."""

    #: Records an event: its kind, and the arguments of `events.record`.
    record: Callable[..., Any]
    #: Whether secrets may come from the environment of this process.
    has_environment: bool = True
    #: How many things one file may change.
    most: int | None = None
    #: The fingerprint of the changes that were agreed to; others are refused.
    agreed: str | None = None
    #: Called with the current stage, the number done and the total.
    progress: Callable[[str, int, int], object] = lambda *_: None
    #: Records that many users were created, in place of `record` for each.
    record_many: Callable[..., Any] | None = None

    def record_created(
        self, users: Sequence[tuple[User, str, Mapping[str, tuple[Any, Any]]]]
    ) -> None:
        """Record that users were created; each has a name as target, and its fields."""
        if self.record_many is not None:
            self.record_many(users)
            return
        for user, target, fields in users:
            changes = events.masked(fields)
            self.record(events.Kind.CREATED, user=user, target=target, changes=changes)


COMMAND = Actor(
    partial(events.record, by="apply"),
    record_many=partial(events.record_created, by="apply"),
)
