"""Hand-written statements hold where a connection is not as it was."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pytest
from django.db import (
    IntegrityError,
    InternalError,
    OperationalError,
    ProgrammingError,
    connection,
    transaction,
)

from accounts.models import User
from foundation.statements import changed, one, rows

pytestmark = pytest.mark.skipif(
    connection.vendor != "postgresql", reason="on SQLite, Django's cursor sends them"
)


def in_sql(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


def test_a_statement_that_the_server_forgot_is_prepared_anew(database: None) -> None:
    """As a connection pooler has it do: psycopg doesn't know."""
    asked = "SELECT %s::int + 1"
    for _ in range(4):  # it is prepared when it repeats
        assert one(asked, [1]) == (2,)
    discard_prepared_statements()
    assert one(asked, [2]) == (3,)
    assert one(asked, [3]) == (4,)


def test_the_orm_s_statements_are_prepared_anew_as_well(database: None) -> None:
    for _ in range(4):
        assert not User.objects.filter(pk=-1).exists()
    discard_prepared_statements()
    assert not User.objects.filter(pk=-1).exists()


def test_a_forgotten_statement_fails_its_transaction_only(database: None) -> None:
    asked = "SELECT %s::int + 2"
    for _ in range(4):
        one(asked, [1])

    def forget_in_the_midst() -> None:
        with transaction.atomic():
            discard_prepared_statements()
            one(asked, [1])

    with pytest.raises(ProgrammingError):
        forget_in_the_midst()
    with transaction.atomic():
        assert one(asked, [1]) == (3,)


def test_a_connection_that_became_read_only_is_replaced(database: None) -> None:
    """As after a failover, where it leads to a standby now."""
    (process,) = one("SELECT pg_backend_pid()", [])
    in_sql("SET default_transaction_read_only = on")
    assert changed("UPDATE accounts_user SET name = name WHERE id = %s", [-1]) == 0
    assert one("SELECT pg_backend_pid()", []) != (process,)


def test_after_a_transaction_that_could_not_write_the_next_one_can(database: None) -> None:
    in_sql("SET default_transaction_read_only = on")

    def write() -> None:
        with transaction.atomic():
            User.objects.filter(pk=-1).update(name="")

    with pytest.raises(InternalError):
        write()
    write()


def test_rows_and_types_are_the_same_with_and_without_django_s_cursor(database: None) -> None:
    asked = "SELECT i, %s::timestamptz, '{}'::jsonb FROM generate_series(1, 2) i"
    at = datetime(2026, 7, 1, 12, tzinfo=UTC)
    with transaction.atomic():
        by_django = rows(asked, [at])
    assert rows(asked, [at]) == by_django
    assert by_django == [(1, at, "{}"), (2, at, "{}")]


def test_a_table_may_change_meanwhile(database: None) -> None:
    in_sql("CREATE TEMPORARY TABLE changing (a integer UNIQUE)")
    try:
        assert changed("INSERT INTO changing VALUES (%s)", [7]) == 1
        for _ in range(4):
            assert one("SELECT a FROM changing", []) == (7,)
        in_sql("ALTER TABLE changing ALTER a TYPE text")
        assert one("SELECT a FROM changing", []) == ("7",)
        assert one("SELECT a FROM changing WHERE a = %s", ["8"]) is None
        with pytest.raises(IntegrityError):
            changed("INSERT INTO changing VALUES (%s)", ["7"])
    finally:
        in_sql("DROP TABLE changing")


def discard_prepared_statements() -> None:
    """Have the server forget them, behind psycopg's back."""
    in_sql("DO $$ BEGIN EXECUTE 'DEALLOCATE ALL'; END $$")


def end_this_connection() -> int:
    """Have the server end this thread's connection, and return its process."""
    (process,) = one("SELECT pg_backend_pid()", [])

    def end_it() -> None:
        in_sql(f"SELECT pg_terminate_backend({process}, 5000)")
        connection.close()

    with ThreadPoolExecutor(1) as another:
        another.submit(end_it).result()
    return int(process)


def test_a_broken_connection_is_replaced_before_it_is_used(database: None) -> None:
    process = end_this_connection()
    assert one("SELECT pg_backend_pid()", []) != (process,)


def test_one_that_breaks_in_a_transaction_is_said_as_ever(database: None) -> None:
    def break_in_the_midst() -> None:
        with transaction.atomic():
            end_this_connection()
            one("SELECT 1", [])

    with pytest.raises(OperationalError):
        break_in_the_midst()
    assert one("SELECT 1", []) == (1,)
