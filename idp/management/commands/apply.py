"""`manage.py apply`: make users, apps and APIs as a YAML or JSON file declares them."""

import time
from argparse import ArgumentParser
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import Error

from idp.declaration import (
    CHANGES_MADE,
    COMMAND,
    Change,
    DeclarationError,
    IncompleteError,
    apply,
    summary,
)
from idp.declaration.file import read

#: Seconds between two progress lines; a short run prints none.
_TELL_EVERY = 2


class Command(BaseCommand):
    """Apply a declaration."""

    help = "Create users, apps and APIs as a file declares them, and print what changed."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the file and the options for rows that it does not name."""
        parser.add_argument("file", type=Path, metavar="FILE", help="YAML or JSON")
        parser.add_argument("--dry-run", action="store_true", help="print the changes, make none")
        parser.add_argument(
            "--prune",
            action="store_true",
            help="remove what the file's lists do not name (users are disabled, not deleted)",
        )
        parser.add_argument(
            "--leave-out-missing-secrets",
            action="store_true",
            help="make everything but what needs a secret that the file does not have",
        )

    def handle(
        self,
        *_: Any,
        file: Path,
        dry_run: bool,
        prune: bool,
        leave_out_missing_secrets: bool,
        **__: Any,
    ) -> None:
        """Read, apply and print the diff."""
        self._reported_at, self._made = time.monotonic(), 0
        try:
            changes = apply(
                read(file),
                dry_run=dry_run,
                prune=prune,
                leave_out=leave_out_missing_secrets,
                actor=replace(COMMAND, progress=self._progress),
            )
        except IncompleteError as error:
            self._print(error.made)
            raise CommandError(str(error)) from None
        except DeclarationError as error:
            raise CommandError(str(error)) from None
        except (KeyboardInterrupt, Error) as error:
            raise CommandError(
                f"Stopped ({str(error).strip() or 'interrupted'}). "
                f"{self._made} changes are made; run it again for the rest."
            ) from None
        self._print(changes)
        self.stdout.write(summary(changes, dry_run=dry_run))

    def _print(self, changes: Iterable[Change]) -> None:
        for change in changes:
            for line in change.lines():
                self.stdout.write(line)

    def _progress(self, what: str, done: int, of: int) -> None:
        """Print the progress on standard error now and then."""
        if what == CHANGES_MADE:
            self._made = done
        if time.monotonic() - self._reported_at > _TELL_EVERY:
            self._reported_at = time.monotonic()
            self.stderr.write(f"{what}: {done} of {of}", self.style.NOTICE)
