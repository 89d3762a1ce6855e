"""Hand-written SQL for the hottest statements: the ORM composes its SQL anew at each query.

The values are the same as with the ORM, on either database. No signals are sent.
"""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from functools import cached_property, partial
from operator import attrgetter, methodcaller
from typing import Any, Generic, TypeVar

from django.db import DEFAULT_DB_ALIAS, connection, connections
from django.db.models import Model
from django.db.models.base import ModelState
from django.utils.dateparse import parse_datetime
from psycopg.errors import ReadOnlySqlTransaction

M = TypeVar("M", bound=Model)


class Columns(Generic[M]):
    """Columns of a model within a hand-written SELECT, and the instance made of their values.

    Columns that are not named are looked up when first used, as with the ORM's `only()`.
    """

    def __init__(self, model: type[M], alias: str, *names: str) -> None:
        self._model = model
        self._fields = [f for f in model._meta.concrete_fields if not names or f.attname in names]
        self._names = [field.attname for field in self._fields]
        self.sql = ", ".join(f"{alias}.{field.column}" for field in self._fields)
        self.width = len(self._fields)

    def instance(self, values: Sequence[Any]) -> M | None:
        """Return the instance of these values; None if an outer join found none.

        The first column is the primary key. The instance is made as `Model.from_db` does, without
        its signals: that looks at every field of the model, those not asked for, too.
        """
        if values[0] is None:
            return None
        made = self._model.__new__(self._model)
        state = made._state = ModelState()
        state.adding, state.db = False, DEFAULT_DB_ALIAS
        vars(made).update(zip(self._names, values, strict=True))
        for name, convert, column in self._conversions:
            vars(made)[name] = convert(vars(made)[name], column, connection)
        return made

    @cached_property
    def _conversions(self) -> list[tuple[str, Callable[..., Any], Any]]:
        """Return the conversion of a database value for the field: hardly any on PostgreSQL."""
        found: list[tuple[str, Callable[..., Any], Any]] = []
        for field in self._fields:
            column: Any = field.get_col(self._model._meta.db_table)
            of_database = connection.ops.get_db_converters(column)
            converters = [*of_database, *field.get_db_converters(connection)]
            found += [(field.attname, convert, column) for convert in converters]
        return found


def instances(row: Sequence[Any], *parts: Columns[Any]) -> Iterator[Any]:
    """Return the instance of each part of a row, in the order that the SELECT has them."""
    begin = 0
    for part in parts:
        yield part.instance(row[begin : begin + part.width])
        begin += part.width


def _executed(result_of: Callable[[Any], Any], sql: str, parameters: Sequence[Any]) -> Any:
    """Execute a statement, and return what `result_of` reads from its cursor.

    Django's cursor sends it on SQLite, within a transaction (which psycopg begins), and if
    statements are logged or watched. Otherwise a cursor of the connection does, with half of the
    overhead. A connection that turned read-only is replaced: nothing was written.
    """
    database: Any = connections[DEFAULT_DB_ALIAS]  # once: `connection` looks it up at every name
    if (
        database.vendor != "postgresql"
        or database.in_atomic_block
        or database.queries_logged
        or database.execute_wrappers
    ):
        with database.cursor() as cursor:
            # SQLite's times are text.
            as_stored = database.ops.adapt_datetimefield_value
            adapted = [as_stored(it) if isinstance(it, datetime) else it for it in parameters]
            cursor.execute(sql, adapted)
            return result_of(cursor)
    database.close_if_health_check_failed()
    with database.wrap_database_errors:
        try:
            return result_of(_cursor_of(database).execute(sql, parameters))
        except ReadOnlySqlTransaction:
            database.close()
            return result_of(_cursor_of(database).execute(sql, parameters))


def _cursor_of(database: Any) -> Any:
    database.ensure_connection()
    return database.connection.statement_cursor


#: Returns the first row that a statement gives, or None.
one: Callable[[str, Sequence[Any]], Any] = partial(_executed, methodcaller("fetchone"))
#: Returns all rows that a statement gives.
rows: Callable[[str, Sequence[Any]], list[Any]] = partial(_executed, methodcaller("fetchall"))
#: Returns how many rows a statement has changed.
changed: Callable[[str, Sequence[Any]], int] = partial(_executed, attrgetter("rowcount"))


def json_of(value: Any) -> Any:
    """Return the value of a JSON column: SQLite returns text, PostgreSQL the value."""
    return json.loads(value) if isinstance(value, str) else value


def datetime_of(value: datetime | str) -> datetime:
    """Return the time that a column has, which SQLite gives as text.

    ValueError where it is none.
    """
    moment = value if isinstance(value, datetime) else parse_datetime(value)
    if moment is None:
        raise ValueError(f"not a time: {value!r}")
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)  # SQLite stores no zone


def hash_of(value: str) -> str:
    """Return what a column has of a random value, such as a token or a cookie: its SHA-256 in hex.

    256 random bits need no salt.
    """
    return hashlib.sha256(value.encode()).hexdigest()
