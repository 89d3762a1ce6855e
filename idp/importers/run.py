"""Run an import: read rows, import them in batches, and tell what became of each."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from django.core.exceptions import ObjectDoesNotExist
from django.db import DataError, IntegrityError

from idp.declaration.steps import ConflictError
from idp.importers.people import People
from idp.importers.report import Outcome, Told
from idp.importers.source import Row, Unreadable, UnusableFileError
from idp.importers.things import import_thing

#: Users of one transaction. Judging the next ones takes longer, in which others have their turn.
BATCH = 500
#: Characters of their rows, about, after which a batch ends earlier: rows may be long.
_HEAVIEST = 8 * 2**20
_OTHERS_WERE_FASTER = "The database has something else by now: run the import again."
_REFUSED = (IntegrityError, DataError, ObjectDoesNotExist, ConflictError)


@dataclass(frozen=True)
class Import:
    """How to import."""

    dry_run: bool = False
    #: Whether accounts and apps that were here before may be changed.
    overwrite: bool = False
    #: Slugs of our upstreams, by the names of identity providers in the source.
    upstreams: Mapping[str, str] = field(default_factory=dict)
    #: The first row of users to be imported; those before it are passed over.
    first: int = 1

    def run(self, rows: Iterator[Row | Unreadable]) -> Iterator[list[Told]]:
        """Import rows; yield what became of them, after each batch, whose transaction is committed.

        An interrupted run has imported whole batches; the next one finds them here. Raises
        UnusableFileError, after importing what came before.
        """
        people = People(dry_run=self.dry_run, overwrite=self.overwrite, upstreams=self.upstreams)
        batch: list[Row] = []
        try:
            yield from self._whole_batches(people, rows, batch)
        except UnusableFileError:
            if batch:
                yield _imported(people, batch)
            raise
        if batch:
            yield _imported(people, batch)

    def _whole_batches(
        self, people: People, rows: Iterator[Row | Unreadable], batch: list[Row]
    ) -> Iterator[list[Told]]:
        """Import rows as `run`, but for the last users, which stay in the batch."""
        weight = 0
        for row in rows:
            if row.kind == "users" and row.number < self.first:
                continue
            if isinstance(row, Unreadable):
                yield [Told(row.number, row.kind, row.what, Outcome.LEFT_OUT, row.reason)]
                continue
            if row.kind == "users":
                batch.append(row)
                weight += len(str(row.entry))
            if batch and (row.kind != "users" or len(batch) == BATCH or weight > _HEAVIEST):
                yield _imported(people, batch)
                batch.clear()
                weight = 0
            if row.kind != "users":
                yield [self._thing(people, row)]

    def _thing(self, people: People, row: Row) -> Told:
        told = import_thing(row, dry_run=self.dry_run, overwrite=self.overwrite)
        roles = row.entry.get("roles")
        if row.kind == "clients" and isinstance(roles, dict) and self.dry_run:
            people.roles_to_come[str(row.entry["client_id"])] = set(roles)
        return told


def _imported(people: People, batch: list[Row]) -> list[Told]:
    """Import a batch; if the database refuses it, its halves, down to the row that is to blame."""
    try:
        return people.imported(batch)
    except _REFUSED:
        if len(batch) > 1:
            half = len(batch) // 2
            return [*_imported(people, batch[:half]), *_imported(people, batch[half:])]
        row = batch[0]
        what = f"user {row.entry.get('email', '')}"
        return [Told(row.number, row.kind, what, Outcome.LEFT_OUT, _OTHERS_WERE_FASTER)]
