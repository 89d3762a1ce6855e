"""Rows of the hottest tables without the ORM's price: it puts its SQL together anew at each query.

What is read and written is the same as with the ORM, on either database; nobody is sent signals.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache, cached_property
from typing import Any, Generic, TypeVar

import psycopg
from django.db import DEFAULT_DB_ALIAS, connection, connections, transaction
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
    (key,) = one(f"{_insertion(type(instance), '')} RETURNING id", _values(instance))
    return _stored(instance, key)


def insert_with(instance: M, referring: Model, reference: str) -> None:
    """Store a new instance, and one that refers to it by the foreign key `reference`: both or none.

    On PostgreSQL that is one statement, which needs no transaction around it.
    """
    if connection.vendor != "postgresql":
        with transaction.atomic():
            setattr(referring, reference, insert(instance))
            insert(referring)
        return
    column = f"{reference}_id"
    key, referring_key = one(
        f"""
        WITH first AS ({_insertion(type(instance), "")} RETURNING id)
        {_insertion(type(referring), column)} RETURNING {column}, id
        """,
        [*_values(instance), *_values(referring, column)],
    )
    setattr(referring, reference, _stored(instance, key))
    _stored(referring, referring_key)


@cache
def _insertion(model: type[Model], reference: str) -> str:
    """Return the INSERT of a row; the column `reference` gets the id of `first`."""
    columns = _columns(model)
    names = ", ".join(columns)
    places = ", ".join("first.id" if name == reference else "%s" for name in columns)
    source = " FROM first" if reference else ""
    return f"INSERT INTO {model._meta.db_table} ({names}) SELECT {places}{source}"


@cache
def _columns(model: type[Model]) -> "dict[str, Field[Any, Any]]":
    fields = model._meta.concrete_fields
    return {str(field.column): field for field in fields if not field.primary_key}


def _values(instance: Model, but: str = "") -> list[Any]:
    database = connections[DEFAULT_DB_ALIAS]
    return [
        field.get_db_prep_save(field.pre_save(instance, add=True), database)
        for name, field in _columns(type(instance)).items()
        if name != but
    ]


def _stored(instance: M, key: Any) -> M:
    instance.pk = key
    instance._state.adding, instance._state.db = False, connection.alias
    return instance


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
