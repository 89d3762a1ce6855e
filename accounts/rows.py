"""Rows of the hottest tables without the ORM's price: it puts its SQL together anew at each query.

What is read and written is the same as with the ORM, on either database; nobody is sent signals.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache, cached_property
from typing import Any, Generic, TypeVar

import psycopg
from django.db import connection
from django.db.models import Field, Model
from psycopg.types.datetime import TimestamptzLoader

M = TypeVar("M", bound=Model)


class Columns(Generic[M]):
    """Columns of a model within a hand-written SELECT, and the instance that their values make.

    Columns that are not named are looked up when first asked for, as with the ORM's `only()`.
    """

    def __init__(self, model: type[M], alias: str, *names: str) -> None:
        self._model = model
        self._fields = [f for f in model._meta.concrete_fields if not names or f.attname in names]
        self._names = frozenset(field.attname for field in self._fields)
        self.sql = ", ".join(f"{alias}.{field.column}" for field in self._fields)

    def __len__(self) -> int:
        return len(self._fields)

    def instance(self, values: Sequence[Any]) -> M | None:
        """Return the instance of these values; None if an outer join found none.

        The first column is the primary key.
        """
        if values[0] is None:
            return None
        row = list(values)
        for index, convert in self._conversions:
            row[index] = convert(row[index])
        return self._model.from_db(connection.alias, self._names, row)

    @cached_property
    def _conversions(self) -> list[tuple[int, Callable[[Any], Any]]]:
        """What makes a field's type of the database's: next to nothing on PostgreSQL."""
        return [
            (index, convert)
            for index, field in enumerate(self._fields)
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


def insert(instance: M) -> M:
    """Store a new instance as its `save()` would, and return it with its key."""
    sql, fields = _insertion(type(instance))
    values = [f.get_db_prep_save(f.pre_save(instance, add=True), connection) for f in fields]
    (instance.pk,) = one(sql, values)
    instance._state.adding, instance._state.db = False, connection.alias
    return instance


@cache
def _insertion(model: type[Model]) -> "tuple[str, list[Field[Any, Any]]]":
    fields = [field for field in model._meta.concrete_fields if not field.primary_key]
    names = ", ".join(str(field.column) for field in fields)
    places = ", ".join(["%s"] * len(fields))
    table, key = model._meta.db_table, model._meta.pk.column
    return f"INSERT INTO {table} ({names}) VALUES ({places}) RETURNING {key}", fields


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
    if (
        connection.vendor != "postgresql"
        or connection.queries_logged
        or connection.execute_wrappers
    ):
        with connection.cursor() as cursor:
            yield cursor
        return
    connection.ensure_connection()
    connection.validate_no_broken_transaction()
    with connection.wrap_database_errors:
        yield _own_cursor(connection.connection)


def _own_cursor(psycopg_connection: Any) -> Any:
    cursor = getattr(psycopg_connection, "own_cursor", None)
    if cursor is None:
        cursor = psycopg_connection.own_cursor = psycopg.Cursor(psycopg_connection)
        # Django's is in Python. The time zone of its connections is UTC, as with ours here.
        cursor.adapters.register_loader("timestamptz", TimestamptzLoader)
    return cursor
