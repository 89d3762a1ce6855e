"""Who applies a file: how its changes are recorded, and what is not done for whom."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from idp import events


@dataclass(frozen=True)
class Caller:
    """The command at the server, which may do everything; or an operator at a browser."""

    #: Records an event: its kind, and whatever `events.record` takes.
    record: Callable[..., Any]
    #: Whether secrets may come from the environment of this process.
    has_environment: bool = True
    #: How many things one file may change.
    most: int | None = None
    #: The fingerprint of the changes that were agreed to; nothing else is done.
    agreed: str | None = None
    #: Is told what is being done, and how many of how many are done.
    progress: Callable[[str, int, int], object] = lambda *_: None


COMMAND = Caller(partial(events.record, by="apply"))
