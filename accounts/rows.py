"""Rows of the hottest tables without the ORM's price: it puts its SQL together anew at each query.

What is read is the same as with the ORM, on either database; nobody is sent signals.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Any, Generic, TypeVar

import psycopg
from django.db import DEFAULT_DB_ALIAS, connection, connections
from django.db.models import Field, Model
from django.db.models.base import ModelState
from psycopg.types.datetime import TimestamptzLoader

M = TypeVar("M", bound=Model)


class Columns(Generic[M]):
    """Columns of a model within a hand-written SELECT, and the instance that their values make.

    Columns that are not named are looked up when first asked for, as with the ORM's `only()`.
    """

    def __init__(self, model: type[M], alias: str, *names: str) -> None:
        self._model = model
        self._fields = [f for f in model._meta.concrete_fields if not names or f.attname in names]
        self._names = [field.attname for field in self._fields]
        self.sql = ", ".join(f"{alias}.{field.column}" for field in self._fields)

    def __len__(self) -> int:
        return len(self._fields)

    def instance(self, values: Sequence[Any]) -> M | None:
        """Return the instance of these values; None if an outer join found none.

        The first column is the primary key. The instance is put together as `Model.from_db` does,
        but for its signals: that looks at every field of the model, those not asked for, too.
        """
        if values[0] is None:
            return None
        made = self._model.__new__(self._model)
        state = made._state = ModelState()
        state.adding, state.db = False, connection.alias
        vars(made).update(zip(self._names, values, strict=True))
        for name, convert in self._conversions:
            vars(made)[name] = convert(vars(made)[name])
        return made

    @cached_property
    def _conversions(self) -> list[tuple[str, Callable[[Any], Any]]]:
        """What makes a field's type of the database's: next to nothing on PostgreSQL."""
        return [
            (field.attname, convert)
            for field in self._fields
            for convert in _converters(field)
        ]


def instances(row: Sequence[Any], *parts: Columns[Any]) -> Iterator[Any]:
    """Return the instance of each part of a row, in the order that the SELECT has them."""
    begin = 0
    for part in parts:
        yield part.instance(row[begin : begin + len(part)])
        begin += len(part)


def _converters(field: "Field[Any, Any]") -> list[Callable[[Any], Any]]:
    column = field.get_col(field.model._meta.db_table)
    made = [*connection.ops.get_db_converters(column), *field.get_db_converters(connection)]
    return [_bound(converter, column) for converter in made]


def _bound(converter: Callable[..., Any], column: Any) -> Callable[[Any], Any]:
    return lambda value: converter(value, column, connection)


def one(sql: str, parameters: Sequence[Any]) -> Any:
    """Return the first row that a statement gives, or None."""
    with _cursor() as cursor:
        cursor.execute(sql, parameters)
        return cursor.fetchone()


def changed(sql: str, parameters: Sequence[Any]) -> int:
    """Return how many rows a statement has changed."""
    with _cursor() as cursor:
        cursor.execute(sql, parameters)
        return int(cursor.rowcount)


@contextmanager
def _cursor() -> Iterator[Any]:
    """Give a cursor; on PostgreSQL psycopg's own, one for each connection, a tenth of a ms faster.

    Whoever watches or logs statements sees these, too: then it is Django's.
    """
    database = connections[DEFAULT_DB_ALIAS]  # looked up once: `connection` does at every name
    if database.vendor != "postgresql" or database.queries_logged or database.execute_wrappers:
        with database.cursor() as cursor:
            yield cursor
        return
    database.ensure_connection()
    database.validate_no_broken_transaction()
    with database.wrap_database_errors:
        yield _own_cursor(database.connection)


def _own_cursor(psycopg_connection: Any) -> Any:
    cursor = getattr(psycopg_connection, "own_cursor", None)
    if cursor is None:
        cursor = psycopg_connection.own_cursor = psycopg.Cursor(psycopg_connection)
        # Django's is in Python. The time zone of its connections is UTC, as with ours here.
        cursor.adapters.register_loader("timestamptz", TimestamptzLoader)
    return cursor
