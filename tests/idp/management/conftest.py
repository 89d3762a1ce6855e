"""What tests of whole databases need: everything they do is undone.

Elsewhere tests keep their rows. Pruning and importing into an empty database concern all of them.
"""

from collections.abc import Iterator

import pytest
from django.core.management.color import no_style
from django.db import connection, transaction

from idp.models import SigningKey


@pytest.fixture
def undone() -> Iterator[None]:
    """What is in the database by other tests, and again afterwards; references are checked."""
    with transaction.atomic():
        yield
        connection.check_constraints()
        transaction.set_rollback(True)


@pytest.fixture
def empty(undone: None) -> None:
    """A database that nothing was declared in yet; not row by row, of which there may be many."""
    kept = {
        "django_migrations",
        "django_content_type",
        "auth_permission",
        SigningKey._meta.db_table,
    }
    tables = set(connection.introspection.django_table_names(only_existing=True)) - kept
    with connection.cursor() as cursor:
        for statement in connection.ops.sql_flush(no_style(), sorted(tables)):
            cursor.execute(statement)
