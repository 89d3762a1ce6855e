"""Rows of the hottest tables without the ORM's price: it puts its SQL together anew at each query.

What is read is the same as with the ORM, on either database; nobody is sent signals.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from functools import cached_property
from itertools import count
from typing import Any, Generic, TypeVar

import psycopg
from django.db import DEFAULT_DB_ALIAS, connection, connections
from django.db.models import Field, Model
from django.db.models.base import ModelState
from psycopg import abc
from psycopg.adapt import PyFormat, Transformer
from psycopg.errors import error_from_result
from psycopg.pq import DiagnosticField, ExecStatus
from psycopg.pq.abc import PGresult
from psycopg.types.datetime import TimestamptzLoader

from foundation.postgresql.base import Connection

#: Whoever has prepared statements begin at a number like this wants none: PgBouncer may be there.
_NEVER = 1_000_000
_GOOD = frozenset({ExecStatus.COMMAND_OK, ExecStatus.TUPLES_OK})
#: The statement is gone, as psycopg has it after a rollback; or its table has changed.
_TO_PREPARE_ANEW = frozenset({b"26000", b"0A000"})
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
        state.adding, state.db = False, DEFAULT_DB_ALIAS
        vars(made).update(zip(self._names, values, strict=True))
        for name, convert in self._conversions:
            vars(made)[name] = convert(vars(made)[name])
        return made

    @cached_property
    def _conversions(self) -> list[tuple[str, Callable[[Any], Any]]]:
        """What makes a field's type of the database's: next to nothing on PostgreSQL."""
        return [
            (field.attname, convert) for field in self._fields for convert in _converters(field)
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
    prepared = _prepared_statements()
    if prepared is not None:
        return prepared.one(sql, parameters)
    with connection.cursor() as cursor:
        cursor.execute(sql, _adapted(parameters))
        return cursor.fetchone()


def changed(sql: str, parameters: Sequence[Any]) -> int:
    """Return how many rows a statement has changed."""
    prepared = _prepared_statements()
    if prepared is not None:
        return prepared.changed(sql, parameters)
    with connection.cursor() as cursor:
        cursor.execute(sql, _adapted(parameters))
        return int(cursor.rowcount)


def _adapted(parameters: Sequence[Any]) -> list[Any]:
    """Return parameters as the database has them: SQLite's times are text."""
    as_stored = connection.ops.adapt_datetimefield_value
    return [as_stored(value) if isinstance(value, datetime) else value for value in parameters]


def _prepared_statements() -> "_PreparedStatements | None":
    """Return the connection's own; None where a statement is Django's cursor's to send.

    That is on SQLite, within a transaction (which psycopg begins), and where somebody watches or
    logs statements.
    """
    database: Any = connections[DEFAULT_DB_ALIAS]  # once: `connection` looks it up at every name
    if (
        database.vendor != "postgresql"
        or database.in_atomic_block
        or database.queries_logged
        or database.execute_wrappers
    ):
        return None
    database.close_if_health_check_failed()
    database.ensure_connection()
    connected = database.connection
    try:
        return connected.prepared_statements  # type: ignore[no-any-return]
    except AttributeError:
        threshold = connected.prepare_threshold
        may_prepare = threshold is not None and threshold < _NEVER
        connected.prepared_statements = _PreparedStatements(database) if may_prepare else None
        return connected.prepared_statements  # type: ignore[no-any-return]


class _PreparedStatements:
    """Statements that PostgreSQL keeps prepared for a connection, sent by libpq itself.

    There are as many as are written by hand. What psycopg's cursor does around one, in Python,
    takes three times as long as sending it and reading the answer.
    """

    def __init__(self, database: Any) -> None:
        self._context = psycopg.Cursor(database.connection)
        # Django's loader is in Python. The time zone of its connections is UTC, as with ours here.
        self._context.adapters.register_loader("timestamptz", TimestamptzLoader)
        self._connection: Connection = database.connection
        self._as_django_s_errors = database.wrap_database_errors
        self._made = count()
        self._prepared: dict[str, _Prepared] = {}

    def one(self, sql: str, parameters: Sequence[Any]) -> tuple[Any, ...] | None:
        statement, result = self._result(sql, parameters)
        return statement.row(result) if result.ntuples else None

    def changed(self, sql: str, parameters: Sequence[Any]) -> int:
        return self._result(sql, parameters)[1].command_tuples or 0

    def _result(self, sql: str, parameters: Sequence[Any]) -> "tuple[_Prepared, PGresult]":
        with self._as_django_s_errors:
            statement = self._prepared.get(sql)
            if statement is not None:
                result = statement.result(parameters)
                if result.status in _GOOD or _sqlstate(result) not in _TO_PREPARE_ANEW:
                    return statement, _good(result)
            statement = self._prepared[sql] = self._prepare(sql)
            return statement, _good(statement.result(parameters))

    def _prepare(self, sql: str) -> "_Prepared":
        """Prepare a statement; what type each parameter has, PostgreSQL finds itself."""
        name = f"by_hand_{next(self._made)}".encode()
        places = count(1)
        numbered = re.sub("%s", lambda _: f"${next(places)}", sql)
        libpq = self._connection.pgconn
        _good(self._connection.ask(libpq.prepare, name, numbered.encode()))
        return _Prepared(self._connection, name, Transformer(self._context))


class _Prepared:
    """One of them: its results have the same columns each time, so how to read them is kept."""

    def __init__(self, connection: Connection, name: bytes, adapted: abc.Transformer) -> None:
        self._connection, self._name, self._adapted = connection, name, adapted
        self._reads_columns = False

    def result(self, parameters: Sequence[Any]) -> PGresult:
        as_text = [PyFormat.TEXT] * len(parameters)
        values: Any = self._adapted.dump_sequence(parameters, as_text)
        libpq = self._connection.pgconn
        return self._connection.ask(libpq.exec_prepared, self._name, values)

    def row(self, result: PGresult) -> tuple[Any, ...]:
        self._adapted.set_pgresult(result, set_loaders=not self._reads_columns)
        self._reads_columns = True
        return self._adapted.load_row(0, tuple)


def _good(result: PGresult) -> PGresult:
    """Return a result, or raise the error that it is."""
    if result.status in _GOOD:
        return result
    if _sqlstate(result) is None:  # the connection broke
        raise psycopg.OperationalError(result.get_error_message())
    raise error_from_result(result)


def _sqlstate(result: PGresult) -> bytes | None:
    return result.error_field(DiagnosticField.SQLSTATE)
