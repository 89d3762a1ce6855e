"""`manage.py apply`: make people and clients as a YAML or JSON file declares them."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

import yaml
from django.core.management.base import BaseCommand, CommandError

from idp.declaration import DeclarationError, apply


class Command(BaseCommand):
    """Apply a declaration."""

    help = "Make people and clients as a file declares them, and print what changed."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Say which file."""
        parser.add_argument("file", type=Path, metavar="FILE", help="YAML or JSON")
        parser.add_argument("--dry-run", action="store_true", help="print the changes, make none")

    def handle(self, *_: Any, file: Path, dry_run: bool, **__: Any) -> None:
        """Read, apply and print the diff."""
        try:
            changes = apply(yaml.safe_load(file.read_text("utf-8")), dry_run=dry_run)
        except OSError as error:
            raise CommandError(f"{file} cannot be read: {error.strerror}") from None
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise CommandError(f"{file} is neither YAML nor JSON: {error}") from None
        except DeclarationError as error:
            raise CommandError(str(error)) from None
        for change in changes:
            for line in change.lines():
                self.stdout.write(line)
        count = len(changes)
        verb = "would change" if dry_run else "changed"
        self.stdout.write(f"{count or 'Nothing'} {verb}." if count != 1 else f"1 {verb}.")
