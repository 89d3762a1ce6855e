"""Another operator changes what a file changes, between the preview and the import."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.db import IntegrityError, connection
from django.db.models import Count

from accounts.models import User
from idp.declaration import (
    CHANGES_MADE,
    COMMAND,
    Actor,
    Change,
    ChangedMeanwhileError,
    IncompleteError,
    Outcome,
    apply,
    fingerprint,
)
from idp.models import Client, InitialAccessToken, ResourceServer, Scope
from tests.relying_party import unique

MANY = 30
AT_ONCE = 4


def meanwhile(action: Callable[[], object]) -> None:
    """Do something as another process would: with a connection of its own."""

    def do() -> None:
        try:
            action()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as thread:
        thread.submit(do).result()


def interrupted_by(action: Callable[[], object], at: str) -> Callable[[str, int, int], None]:
    """Return a `Actor.progress` that does something once, at the first word of a kind."""
    waiting = [action]

    def progress(what: str, _done: int, _of: int) -> None:
        if what == at and waiting:
            meanwhile(waiting.pop())

    return progress


def a_scope() -> tuple[str, dict[str, Any], Callable[[], object]]:
    """Make a scope; return its name, a file that changes it, and another operator's change."""
    name = unique("scope")
    Scope.objects.create(name=name, description="One")
    declaration = {"scopes": [{"name": name, "description": "Two"}]}
    return name, declaration, lambda: Scope.objects.filter(name=name).update(description="Three")


def test_an_import_does_not_overwrite_what_changed_at_the_same_moment(database: None) -> None:
    name, declaration, another = a_scope()
    agreed = fingerprint(apply(declaration, dry_run=True))
    progress = interrupted_by(another, "Entries of scopes compared")
    actor = Actor(lambda *_, **__: None, agreed=agreed, progress=progress)
    with pytest.raises(ChangedMeanwhileError):
        apply(declaration, dry_run=False, actor=actor)
    assert Scope.objects.get(name=name).description == "Three"


def test_the_command_compares_again_and_goes_on(database: None) -> None:
    name, declaration, another = a_scope()
    progress = interrupted_by(another, "Entries of scopes compared")
    changes = apply(declaration, dry_run=False, actor=replace(COMMAND, progress=progress))
    assert [change.fields for change in changes] == [{"description": ("Three", "Two")}]
    assert Scope.objects.get(name=name).description == "Two"


def test_an_import_that_is_stopped_says_how_far_it_came(database: None) -> None:
    name = unique("scope")
    declaration = {"scopes": [{"name": f"{name}.{number}"} for number in range(MANY)]}
    actor = Actor(
        lambda *_, **__: None,
        agreed=fingerprint(apply(declaration, dry_run=True)),
        progress=interrupted_by(
            lambda: Scope.objects.create(name=f"{name}.{MANY - 1}"), CHANGES_MADE
        ),
    )
    with pytest.raises(IncompleteError) as stopped:
        apply(declaration, dry_run=False, actor=actor)
    assert 0 < len(stopped.value.made) < MANY == stopped.value.planned
    made = Scope.objects.filter(name__startswith=f"{name}.").count() - 1
    assert len(stopped.value.made) == made
    rest = apply(declaration, dry_run=False)
    assert len(rest) == MANY - 1 - made
    assert apply(declaration, dry_run=False) == []


def everything(name: str) -> dict[str, list[dict[str, Any]]]:
    """Declare some of everything, all of it new."""
    return {
        "users": [
            {"email": f"{name}-{number}@example.com", "email_verified": True, "groups": [name]}
            for number in range(5)
        ],
        "clients": [
            {
                "client_id": name,
                "client_secret": "x" * 40,
                "redirect_uris": ["https://rp.example.com/callback"],
                "allowed_groups": [name],
                "owner": f"{name}-0@example.com",
            }
        ],
        "resource_servers": [
            {"identifier": f"https://{name}.example.com", "introspection_clients": [name]}
        ],
        "scopes": [{"name": name}],
        "initial_access_tokens": [{"name": name, "token": name * 5}],
    }


@pytest.mark.parametrize("_round", range(3))
def test_several_that_make_the_same_at_once(database: None, _round: int) -> None:
    name = unique("same")
    declaration = everything(name)
    agreed = fingerprint(apply(declaration, dry_run=True))
    callers = [COMMAND] * (AT_ONCE - 1) + [Actor(lambda *_, **__: None, agreed=agreed)]

    def run(actor: Actor) -> list[Change]:
        try:
            return apply(declaration, dry_run=False, actor=actor)
        except IncompleteError as error:
            return error.made
        except ChangedMeanwhileError:
            return []
        finally:
            connection.close()

    with ThreadPoolExecutor(AT_ONCE) as threads:
        made = [change for changes in threads.map(run, callers) for change in changes]
    assert apply(declaration, dry_run=False) == []
    assert len([change for change in made if change.outcome is Outcome.ADDED]) == 9
    assert Group.objects.filter(name=name).count() == 1
    for model, key in (
        (Client, "client_id"),
        (ResourceServer, "identifier"),
        (Scope, "name"),
        (InitialAccessToken, "name"),
    ):
        assert model._default_manager.filter(**{f"{key}__contains": name}).count() == 1
    users = User.objects.filter(email__startswith=f"{name}-").annotate(of=Count("emailaddress"))
    assert [user.of for user in users] == [1] * 5


@pytest.mark.parametrize("_round", range(5))
def test_signing_up_at_the_same_moment_gets_nobody_an_operators_account(
    database: None, _round: int
) -> None:
    email = f"{unique('u')}@example.com"

    def sign_up() -> None:
        try:
            user = User.objects.create_user(email, "the stranger's", self_registered=True)
            user.set_email(email, verified=False)
        except IntegrityError:
            pass  # the sign-up page says so
        finally:
            connection.close()

    with ThreadPoolExecutor(AT_ONCE) as threads:
        signing_up = [threads.submit(sign_up) for _ in range(AT_ONCE)]
        apply({"users": [{"email": email, "email_verified": True}]}, dry_run=False)
        for thread in signing_up:
            thread.result()
    user = User.objects.get(email=email)
    assert not user.self_registered
    assert not user.has_usable_password()
