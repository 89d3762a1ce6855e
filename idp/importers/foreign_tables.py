"""Tables of another project's database, read in batches and never written."""

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID

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
        self._described = cache(self._description)
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

    def columns_of(self, table: str) -> frozenset[str]:
        """Return the names of a table's columns; none where there is no such table."""
        return frozenset(self._described(table))

    def _description(self, table: str) -> dict[str, Any]:
        """Return the types of a table's columns, as the database's driver has them, by name."""
        introspection = self._connection.introspection
        with self._cursor() as cursor:
            if table not in introspection.table_names(cursor):
                return {}
            described = introspection.get_table_description(cursor, table)
        return {column.name: column.type_code for column in described}

    def rows(self, *arguments: Any, **options: Any) -> Iterator[dict[str, Any]]:
        """Yield the rows of `batches`, one by one."""
        for batch in self.batches(*arguments, **options):
            yield from batch

    def batches(
        self, table: str, wanted: Sequence[str], *, where: str = "TRUE", values: Sequence[Any] = ()
    ) -> Iterator[list[dict[str, Any]]]:
        """Yield rows by their `id`, with the wanted columns that there are; None for the others.

        UUIDs are such, also where the database has none and Django stores their digits.
        """
        there = [name for name in wanted if name in self.columns_of(table)]
        quoted = ", ".join(map(self._connection.ops.quote_name, ("id", *there)))
        absent = dict.fromkeys(wanted)
        uuids = self._uuids_in(table)
        select = f"SELECT {quoted} FROM {self.quoted(table)} WHERE ({where})"
        ordered = f"ORDER BY id LIMIT {BATCH}"
        found = self.all(f"{select} {ordered}", values)
        while found:
            last = found[-1][0]
            rows = [dict(zip(("id", *there), row, strict=True)) for row in found]
            for row in rows:
                row.update({name: _uuid(row[name]) for name in uuids & row.keys()})
            yield [{**absent, **row} for row in rows]
            found = self.all(f"{select} AND id > %s {ordered}", [*values, last])

    def last_number(self, table: str) -> int:
        """Return the highest `id` of a table, or how many rows it has if these are no numbers."""
        quoted = self.quoted(table)
        for (last,) in self.all(f"SELECT id FROM {quoted} ORDER BY id DESC LIMIT 1"):
            if isinstance(last, int):
                return last
        return int(self.all(f"SELECT count(*) FROM {quoted}")[0][0])

    def all(self, statement: str, values: Sequence[Any] = ()) -> list[Any]:
        """Return all rows that a statement gives."""
        with self._cursor() as cursor:
            cursor.execute(statement, list(map(self.stored, values)))
            return list(cursor.fetchall())

    def stored(self, value: Any) -> Any:
        """Return a value as the database has it."""
        if isinstance(value, datetime):
            return self._connection.ops.adapt_datetimefield_value(value)
        if isinstance(value, UUID) and not self._connection.features.has_native_uuid_field:
            return value.hex
        return value

    def _uuids_in(self, table: str) -> set[str]:
        """Return the columns in which Django has stored the digits of UUIDs."""
        types = self._described(table)
        return {name for name, its in types.items() if str(its).lower() == "char(32)"}

    def quoted(self, name: str) -> str:
        """Return a name as statements have it."""
        return str(self._connection.ops.quote_name(name))

    def close(self) -> None:
        """Close the connection."""
        self._connection.close()


def _uuid(digits: Any) -> Any:
    try:
        return UUID(digits)
    except (ValueError, TypeError, AttributeError):
        return digits


def _configuration(url: str) -> dict[str, Any]:
    """Return Django's configuration of the database at a URL; empty for what is no such URL."""
    try:
        with warnings.catch_warnings(action="ignore"):  # these quote the password
            return dict(Env.db_url_config(url))
    except (ValueError, KeyError, ImproperlyConfigured):
        return {}
