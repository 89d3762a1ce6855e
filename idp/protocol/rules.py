"""Which rule of which specification a check upholds, and which rule an error is about.

@upholds("RFC 7636 §4.6")
def verifier_matches_challenge(...): ...
"""

import traceback
from collections.abc import Callable
from dataclasses import dataclass
from types import CodeType, FunctionType
from typing import TypeVar

from idp.protocol.errors import ProtocolError

Check = TypeVar("Check", bound=Callable[..., object])
#: The section by the code of the function that upholds it. A wrapper around each check would cost
#: every request a call; this costs only those that are denied.
_SECTIONS: dict[CodeType, str] = {}


@dataclass(frozen=True)
class Rule:
    """Where a request was refused, as `room.function`, and the section that it broke."""

    check: str
    section: str


def upholds(section: str) -> Callable[[Check], Check]:
    """Return a decorator that names the section of a specification that a function upholds.

    It marks the function itself: other decorators go above it.
    """

    def mark(check: Check) -> Check:
        if not isinstance(check, FunctionType):
            raise TypeError(f"{check!r} is not a function.")
        _SECTIONS[check.__code__] = section
        return check

    return mark


def rule_broken(error: ProtocolError) -> Rule:
    """Return the check that raised an error, and the section of the innermost one that names one.

    An error that no marked function raised is about the section that defines the error.
    """
    frames = [frame for frame, _line in traceback.walk_tb(error.__traceback__)]
    if not frames:
        return Rule("", error.section)
    module = str(frames[-1].f_globals["__name__"]).removeprefix("idp.")
    sections = (_SECTIONS.get(frame.f_code) for frame in reversed(frames))
    return Rule(
        f"{module}.{frames[-1].f_code.co_qualname}",
        next((section for section in sections if section), error.section),
    )
