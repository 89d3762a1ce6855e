"""`manage.py export`: write the configuration in the format of `apply`, without secrets."""

import os
import sys
from argparse import ArgumentParser, ArgumentTypeError
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from idp.declaration import SECTIONS, export
from idp.declaration.file import FORMATS


class Command(BaseCommand):
    """Export a declaration."""

    help = "Write users, apps and APIs in the format that apply reads, without secrets."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add the file, the format and the lists."""
        parser.add_argument(
            "file", type=Path, nargs="?", metavar="FILE", help="default: standard output"
        )
        parser.add_argument("--format", dest="form", choices=FORMATS, default=FORMATS[0])
        parser.add_argument(
            "--only", type=_names, default=tuple(SECTIONS), metavar="LIST,…", help="some lists"
        )

    def handle(
        self, *_: Any, file: Path | None, form: str, only: tuple[str, ...], **__: Any
    ) -> None:
        """Write."""
        text = export(form=form, only=only)
        try:
            if file is None:
                self._print(text)
                return
            file.touch(mode=0o600)  # users' data: a new file is for its owner's eyes
            with file.open("w", encoding="utf-8") as out:
                out.writelines(text)
        except OSError as error:
            raise CommandError(
                f"{file or 'Standard output'} cannot be written: {error.strerror}."
            ) from None

    def _print(self, text: Iterator[str]) -> None:
        try:
            for piece in text:
                self.stdout.write(piece, ending="")
            self.stdout.flush()
        except BrokenPipeError:
            # `| head` has closed the pipe: discard what Python would still flush.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _names(text: str) -> tuple[str, ...]:
    names = tuple(text.split(","))
    if unknown := sorted(set(names) - set(SECTIONS)):
        raise ArgumentTypeError(f"there is no list {unknown[0]}; there are {', '.join(SECTIONS)}")
    return names
