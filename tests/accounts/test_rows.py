"""Statements that are sent past Django: they hold where a connection is not as it was."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import IntegrityError, OperationalError, connection, transaction

from accounts.rows import changed, one

pytestmark = pytest.mark.skipif(
    connection.vendor != "postgresql", reason="on SQLite, Django's cursor sends them"
)


def in_sql(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement)


def test_a_statement_that_the_server_forgot_is_prepared_anew(database: None) -> None:
    """As psycopg has the server do after a rollback."""
    asked = "SELECT %s::int + 1"
    assert one(asked, [1]) == (2,)
    in_sql("DEALLOCATE ALL")
    assert one(asked, [2]) == (3,)


def test_a_table_may_change_meanwhile(database: None) -> None:
    in_sql("CREATE TEMPORARY TABLE changing (a integer UNIQUE)")
    try:
        assert changed("INSERT INTO changing VALUES (%s)", [7]) == 1
        assert one("SELECT a FROM changing", []) == (7,)
        in_sql("ALTER TABLE changing ALTER a TYPE text")
        assert one("SELECT a FROM changing", []) == ("7",)
        assert one("SELECT a FROM changing WHERE a = %s", ["8"]) is None
        with pytest.raises(IntegrityError):
            changed("INSERT INTO changing VALUES (%s)", ["7"])
    finally:
        in_sql("DROP TABLE changing")


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
