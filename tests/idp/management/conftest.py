"""What tests of whole databases need: everything they do is undone.

Elsewhere tests keep their rows. Pruning and importing into an empty database concern all of them.
"""

from collections.abc import Iterator

import pytest
from django.contrib.auth.models import Group
from django.db import connection, transaction

from accounts.models import User
from idp.models import Client, InitialAccessToken, ResourceServer, Scope


@pytest.fixture
def undone() -> Iterator[None]:
    """What is in the database by other tests, and again afterwards; references are checked."""
    with transaction.atomic():
        yield
        connection.check_constraints()
        transaction.set_rollback(True)


@pytest.fixture
def empty(undone: None) -> None:
    """A database that nothing was declared in yet."""
    for model in (Client, User, ResourceServer, Scope, InitialAccessToken, Group):
        model.objects.all().delete()
