"""Tables of another project's database, read in batches and never written."""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.db import DEFAULT_DB_ALIAS, DatabaseError
from django.db.utils import ConnectionHandler
from environ import Env

from idp.importers.source import UnusableFileError

#: Rows that are read at once.
BATCH = 1000
_EXAMPLE = "postgres://user:password@host:5432/name or sqlite:////path/to/db.sqlite3"


class ForeignTables:
    """The tables of the database at a URL."""

    def __init__(self, url: str) -> None:
        """Open the database. Raises UnusableFileError, as all methods do."""
        configuration = _configuration(url)
        if not configuration.get("ENGINE"):
            raise UnusableFileError(f"This is the URL of no database: write it like {_EXAMPLE}.")
        handler = ConnectionHandler({DEFAULT_DB_ALIAS: configuration})
        self._connection: Any = handler[DEFAULT_DB_ALIAS]
        if self._connection.vendor == "sqlite" and not Path(configuration["NAME"]).is_file():
            raise UnusableFileError(f"{configuration['NAME']}: There is no such database.")
        self.columns_of = cache(self._columns_of)
        self._forbid_writing()

    @contextmanager
    def _cursor(self) -> Iterator[Any]:
        try:
            with self._connection.cursor() as cursor:
                yield cursor
        except DatabaseError as problem:
            raise UnusableFileError(f"The database can't be read: {problem}") from None

    def _forbid_writing(self) -> None:
        """Make the connection read-only, whatever is sent."""
        statement = {
            "sqlite": "PRAGMA query_only = ON",
            "postgresql": "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY",
        }.get(self._connection.vendor)
        with self._cursor() as cursor:
            if statement:
                cursor.execute(statement)

    def _columns_of(self, table: str) -> frozenset[str]:
        """Return the names of a table's columns; none where there is no such table."""
        introspection = self._connection.introspection
        with self._cursor() as cursor:
            if table not in introspection.table_names(cursor):
                return frozenset()
            described = introspection.get_table_description(cursor, table)
        return frozenset(column.name for column in described)

    def rows(self, *arguments: Any, **options: Any) -> Iterator[dict[str, Any]]:
        """Yield the rows of `batches`, one by one."""
        for batch in self.batches(*arguments, **options):
            yield from batch

    def batches(
        self, table: str, wanted: Sequence[str], *, where: str = "TRUE", values: Sequence[Any] = ()
    ) -> Iterator[list[dict[str, Any]]]:
        """Yield rows by their `id`, with the wanted columns that there are; None for the others."""
        there = [name for name in wanted if name in self.columns_of(table)]
        quoted = ", ".join(map(self._connection.ops.quote_name, ("id", *there)))
        absent, last = dict.fromkeys(wanted), -1
        statement = (
            f"SELECT {quoted} FROM {self._connection.ops.quote_name(table)} "
            f"WHERE id > %s AND ({where}) ORDER BY id LIMIT {BATCH}"
        )
        while found := self.all(statement, [last, *values]):
            last = found[-1][0]
            yield [{**absent, **dict(zip(("id", *there), row, strict=True))} for row in found]

    def last(self, table: str) -> int:
        """Return the highest `id` of a table, or 1 if it is empty or the ids are no numbers."""
        found = self.all(f"SELECT max(id) FROM {self.quoted(table)}")[0][0]
        return found if isinstance(found, int) and found > 0 else 1

    def all(self, statement: str, values: Sequence[Any] = ()) -> list[Any]:
        """Return all rows that a statement gives."""
        as_stored = self._connection.ops.adapt_datetimefield_value
        adapted = [as_stored(it) if isinstance(it, datetime) else it for it in values]
        with self._cursor() as cursor:
            cursor.execute(statement, adapted)
            return list(cursor.fetchall())

    def quoted(self, name: str) -> str:
        """Return a name as statements have it."""
        return str(self._connection.ops.quote_name(name))

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def _configuration(url: str) -> dict[str, Any]:
    """Return Django's configuration of the database at a URL; empty for what is no such URL."""
    try:
        with warnings.catch_warnings(action="ignore"):  # these quote the password
            return dict(Env.db_url_config(url))
    except (ValueError, KeyError, ImproperlyConfigured):
        return {}
