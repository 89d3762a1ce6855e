"""What is to become of a user's row of an import."""

from dataclasses import dataclass, field
from typing import Any

from accounts.models import User
from idp.declaration.steps import Step
from idp.importers.report import Outcome, Told
from idp.importers.source import Row


@dataclass
class Planned:
    """A user of a row, and what is to be done."""

    row: Row
    entry: dict[str, Any]
    notes: list[str]
    user: User | None = None
    step: Step | None = None
    is_new: bool = False
    #: A hash that replaces the one of an earlier import.
    password_hash: str | None = None
    refusal: str = ""
    links: list[tuple[str, str]] = field(default_factory=list)

    @property
    def outcome(self) -> Outcome:
        """Return what becomes of the row."""
        if self.refusal:
            return Outcome.LEFT_OUT
        if self.notes:
            return Outcome.PARTLY
        if self.is_new:
            return Outcome.ADDED
        return Outcome.CHANGED if self.step or self.password_hash else Outcome.UNCHANGED

    def told(self) -> Told:
        """Return what is told of the row."""
        what = f"user {self.entry.get('email', '')}".strip()
        reason = self.refusal or " ".join(self.notes)
        return Told(self.row.number, self.row.kind, what, self.outcome, reason)
