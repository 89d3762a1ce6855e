"""`manage.py import`: take people, groups and apps over from other software."""

import logging
from argparse import ArgumentParser
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import Error

from idp.importers.progress import Bar
from idp.importers.report import Outcome, Report, Told, is_csv
from idp.importers.run import Import
from idp.importers.source import Options, UnusableFileError
from idp.importers.sources import SOURCES
from idp.management.processes import look_for_garbage_seldom

#: The exit code where rows were left out, or something of them.
NOT_ALL = 3
#: Rows that are printed as well; a report has them all.
_MOST_SHOWN = 20


class Command(BaseCommand):
    """Import from other software."""

    help = "Take people, groups and apps over from other software."

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Add a subcommand for each source, with its own options and the common ones."""
        subparsers = parser.add_subparsers(dest="source", required=True, metavar="SOURCE")
        for source in SOURCES.values():
            own = subparsers.add_parser(source.name, help=source.help)
            own.add_argument("origin", metavar="FILE", help="a file, folder or database URL")
            source.add_arguments(own)
            _add_common(own)

    def handle(self, *_: Any, source: str, origin: str, **own: Any) -> None:
        """Import, and print how many rows became what."""
        look_for_garbage_seldom()
        self._shown = 0
        options = Options(origin, own)
        self._bar = Bar(self.stderr, options.reached)
        if self.stderr.isatty():  # else a line of the log for each batch breaks the bar
            logging.getLogger("idp.events").setLevel(logging.WARNING)
        run = Import(
            dry_run=own["dry_run"],
            overwrite=own["overwrite"],
            upstreams=dict(own["upstream"]),
            first=own["from_row"],
        )
        reached = 0
        with ExitStack() as stack:
            report = _report(stack, own["report"])
            try:
                for told in _batches(source, options, run):
                    for line in report.add(told):
                        self._show(line)
                    reached = max([reached, *_rows_taken(told)])
                    self._bar.show(sum(report.counts.values()))
            except UnusableFileError as problem:
                self._finish(report, run)
                raise CommandError(str(problem)) from None
            except (KeyboardInterrupt, Error) as problem:
                self._finish(report, run)
                why = str(problem).strip() or "interrupted"
                raise CommandError(
                    f"Stopped ({why}). What was imported stays. Run it again, or with "
                    f"--from-row {reached + 1} to pass over those people sooner."
                ) from None
        self._finish(report, run)
        left, partly = report.number(Outcome.LEFT_OUT), report.number(Outcome.PARTLY)
        if left or partly:
            where = f"{own['report']} says why." if own["report"] else "--report FILE says why."
            raise CommandError(
                f"{left} rows were left out, and {partly} only partly taken. {where}",
                returncode=NOT_ALL,
            )

    def _show(self, told: Told) -> None:
        self._shown += 1
        if self._shown <= _MOST_SHOWN + 1:
            self._bar.clear()
        if self._shown <= _MOST_SHOWN:
            what = f" ({told.what})" if told.what else ""
            self.stderr.write(f"{told.kind} {told.row}{what}: {told.outcome}. {told.reason}")
        elif self._shown == _MOST_SHOWN + 1:
            self.stderr.write("Further ones are in the report alone (--report FILE).")

    def _finish(self, report: Report, run: Import) -> None:
        self._bar.clear()
        for line in report.lines():
            self.stdout.write(f"{'Would be: ' if run.dry_run else ''}{line}")


def _batches(source: str, options: Options, run: Import) -> Iterator[list[Told]]:
    it = SOURCES[source]
    yield from run.run(it.rows(options))
    if afterwards := getattr(it, "afterwards", None):
        yield from afterwards(options, dry_run=run.dry_run)


def _rows_taken(told: Iterable[Told]) -> Iterator[int]:
    """Yield the rows of people who are here. One that can't be read is told before others are."""
    for it in told:
        if it.kind == "users" and it.outcome is not Outcome.LEFT_OUT:
            yield it.row


def _report(stack: ExitStack, path: Path | None) -> Report:
    if path is None:
        return Report()
    try:
        file = stack.enter_context(path.open("w", encoding="utf-8", newline=""))
    except OSError as error:
        raise CommandError(f"{path} cannot be written: {error.strerror}.") from None
    return Report(file, is_csv=is_csv(path))


def _add_common(parser: ArgumentParser) -> None:
    parser.add_argument("--dry-run", action="store_true", help="tell what would be, change nothing")
    parser.add_argument(
        "--report", type=Path, metavar="FILE", help="rows not wholly taken: JSON lines, or .csv"
    )
    parser.add_argument(
        "--overwrite",
        action="store_true",
        help="change accounts and apps that were here before, but no operator's account",
    )
    parser.add_argument(
        "--upstream",
        type=_pair,
        action="append",
        default=[],
        metavar="NAME=SLUG",
        help="link accounts at the provider NAME there with the identity provider SLUG here",
    )
    parser.add_argument(
        "--from-row", type=int, default=1, metavar="N", help="pass over the people before row N"
    )


def _pair(text: str) -> tuple[str, str]:
    name, equals, slug = text.partition("=")
    if not equals:
        raise ValueError(text)
    return name, slug
