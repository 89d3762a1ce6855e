"""The actor who applies a file: how changes are recorded, and limits on them."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

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


COMMAND = Actor(partial(events.record, by="apply"))
