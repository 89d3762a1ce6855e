"""A user's activity with very many events of all users, and of this one: no scan, few rows.

`ROWS=1000000` fills with as many as that.
"""

import os
import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Session, User
from idp.activity import entries
from idp.activity.entries import Cursor, page_of, recent_changes
from idp.models import Client, Event, Grant, Sharing
from tests.costs.test_admin import rows_touched
from tests.relying_party import make_client, make_user

ROWS = int(os.environ.get("ROWS", "30000"))
#: Rows that are read for a page: events, and for what was shared the user's own.
MOST_READ = 2000
#: Statements of a page's entries: events, what was shared, and what is shared.
STATEMENTS = 3


@pytest.fixture(scope="module")
def crowded() -> Iterator[User]:
    """A user with one of 100 events, those of others between them."""
    user = User.objects.get(email=make_user().email)
    other = User.objects.get(email=make_user().email)
    with transaction.atomic():
        fill(user, other)
        yield user
        transaction.set_rollback(True)


def fill(user: User, other: User) -> None:
    now = timezone.now()
    for start in range(0, ROWS, 10_000):
        Event.objects.bulk_create(
            Event(
                kind="signed-in" if number % 3 else "denied",
                user=user if number % 100 == 0 else other,
                at=now - timedelta(seconds=ROWS - number),
                reference=f"C{number:x}",
                client_id="crowd",
            )
            for number in range(start, min(start + 10_000, ROWS))
        )
    client = Client.objects.get(client_id=make_client().client_id)
    for whose, many in ((user, 500), (other, ROWS // 10)):
        session = Session.objects.create(user=whose, authenticated_at=now, last_seen_at=now)
        Grant.objects.bulk_create(
            (
                Grant(client=client, user=whose, session=session, scope="openid", auth_time=now)
                for _ in range(many)
            ),
            batch_size=2000,
        )
        Sharing.objects.bulk_create(
            (
                Sharing(
                    user=whose,
                    client_id=f"crowd-{number}",
                    day=now.date(),
                    last_at=now - timedelta(minutes=number),
                )
                for number in range(many)
            ),
            batch_size=2000,
        )
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")


@pytest.mark.skipif(connection.vendor != "postgresql", reason="PostgreSQL tells what it reads")
@pytest.mark.parametrize("page", ["first", "later"])
def test_a_page_reads_few_rows_by_an_index(crowded: User, page: str) -> None:
    now = timezone.now()
    cursor = None
    if page == "later":
        middle = Event.objects.filter(user=crowded).order_by("pk")[ROWS // 200]
        cursor = Cursor(middle.pk, now - timedelta(minutes=100))
    with CaptureQueriesContext(connection) as statements:
        found = page_of(crowded, cursor, now)
    assert len(found.entries) == entries.ENTRIES
    assert found.older is not None
    sql = [query["sql"] for query in statements.captured_queries]
    assert len(sql) == STATEMENTS, sql
    check(sql)


@pytest.mark.skipif(connection.vendor != "postgresql", reason="PostgreSQL tells what it reads")
def test_recent_changes_read_few_rows(crowded: User) -> None:
    with CaptureQueriesContext(connection) as statements:
        recent_changes(crowded, timezone.now())
    check([query["sql"] for query in statements.captured_queries])


def check(sql: list[str]) -> None:
    for statement in sql:
        plan = plan_of(statement)
        assert not re.search(r"Seq Scan on idp_(event|grant|sharing)", plan), plan
        assert rows_touched(statement) <= MOST_READ, plan


def plan_of(sql: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN {sql}".replace("%", "%%"), [])
        return "\n".join(line for (line,) in cursor.fetchall())


def test_each_statement_of_sqlite_uses_an_index(user_row: User) -> None:
    if connection.vendor != "sqlite":
        pytest.skip("of SQLite")
    with CaptureQueriesContext(connection) as statements:
        page_of(user_row, None, timezone.now())
    for query in statements.captured_queries:
        with connection.cursor() as cursor:
            cursor.execute(f"EXPLAIN QUERY PLAN {query['sql']}".replace("%", "%%"))
            plan = " ".join(str(row[-1]) for row in cursor.fetchall())
        assert "SCAN" not in plan.replace("SCAN CONSTANT", ""), plan


@pytest.fixture
def user_row() -> User:
    return User.objects.get(email=make_user().email)
