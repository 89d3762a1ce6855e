"""`manage.py apply`: make people, apps and APIs as a YAML or JSON file declares them."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from idp.declaration import DeclarationError, apply, summary
from idp.declaration.file import read


class Command(BaseCommand):
    """Apply a declaration."""

    help = "Make people, apps and APIs as a file declares them, and print what changed."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Say which file, and what to do about what it does not say."""
        parser.add_argument("file", type=Path, metavar="FILE", help="YAML or JSON")
        parser.add_argument("--dry-run", action="store_true", help="print the changes, make none")
        parser.add_argument(
            "--prune",
            action="store_true",
            help="remove what the file's lists do not name (people are disabled, not deleted)",
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
        try:
            changes = apply(
                read(file), dry_run=dry_run, prune=prune, leave_out=leave_out_missing_secrets
            )
        except DeclarationError as error:
            raise CommandError(str(error)) from None
        for change in changes:
            for line in change.lines():
                self.stdout.write(line)
        self.stdout.write(summary(changes, dry_run=dry_run))
