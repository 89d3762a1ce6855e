"""Notices of changes are written in the transaction of the change: no kill separates the two."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from allauth.core.context import request_context
from django.db import OperationalError, connection
from django.http import HttpRequest
from django.test import RequestFactory

from accounts import passwords
from accounts.allauth_door import factors
from accounts.models import User
from tests.relying_party import EndUser

NEW = "three wise boats at anchor"


def dying_at_the_mail(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
    """Stand for a process that ends when it is about to write the mail's row."""
    if sql.startswith("INSERT") and "foundation_mail" in sql:
        raise OperationalError("The process is gone.")
    return execute(sql, *rest)


@pytest.fixture
def request_of_row(row: User) -> Iterator[HttpRequest]:
    request = RequestFactory().get("/")
    request.user = row
    with request_context(request):
        yield request


@pytest.fixture
def row(user: EndUser) -> User:
    return User.objects.get(email=user.email)


@pytest.mark.usefixtures("request_of_row")
def test_a_password_is_not_changed_without_its_notice(row: User, user: EndUser) -> None:
    with connection.execute_wrapper(dying_at_the_mail), pytest.raises(OperationalError):
        passwords.replace(row, NEW, notify=True)
    assert User.objects.get(pk=row.pk).check_password(user.password)
    assert passwords.replace(User.objects.get(pk=row.pk), NEW, notify=True)


def test_a_passkey_is_not_added_without_its_notice(row: User, request_of_row: HttpRequest) -> None:
    passkey = factors.new_passkey(row, "Key", {})
    with connection.execute_wrapper(dying_at_the_mail), pytest.raises(OperationalError):
        factors.add_passkey(request_of_row, passkey)
    assert not factors.of(row).exists()
