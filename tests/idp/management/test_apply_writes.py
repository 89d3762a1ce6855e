"""`manage.py apply`: what is compared is not written, and what is written is in short batches."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
from django.contrib.auth.hashers import Argon2PasswordHasher, make_password
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import Session, User
from idp.declaration import COMMAND, Actor, DeclarationError, apply
from idp.models import Client, Event, Scope
from tests.idp.management.test_apply_resource_servers import DIR
from tests.idp.management.test_export import EVERYTHING
from tests.relying_party import unique


@contextmanager
def writing_nothing() -> Iterator[None]:
    """Fail where a block does more than read."""
    with CaptureQueriesContext(connection) as captured:
        yield
    statements = [query["sql"] for query in captured.captured_queries]
    reading = ("SELECT", "BEGIN", "SET TRANSACTION", "COMMIT", "ROLLBACK")
    assert statements
    assert [s for s in statements if not s.startswith(reading) or "UPDATE" in s] == []


def some_of_everything() -> dict[str, list[dict[str, Any]]]:
    name = unique("some")
    return {
        "users": [
            {
                "email": f"{name}-{number}@example.com",
                "password": f"a password of {name}",
                "email_verified": True,
                "groups": [name],
            }
            for number in range(3)
        ],
        "clients": [
            {
                "client_id": name,
                "client_secret": "x" * 40,
                "redirect_uris": ["https://rp.example.com/callback"],
                "owner": f"{name}-0@example.com",
                "allowed_groups": [name],
                "scope": f"openid {name}",
            }
        ],
        "resource_servers": [
            {
                "identifier": f"https://{name}.example.com",
                "introspection_clients": [name],
                "encryption_secret": "e" * 32,
                **DIR,
            }
        ],
        "scopes": [{"name": name}],
        "initial_access_tokens": [{"name": name, "token": name * 5}],
    }


def rows() -> list[Any]:
    return [list(model._default_manager.order_by("pk").values()) for model in (User, Client, Event)]


@pytest.mark.parametrize("dry_run", [True, False], ids=["dry run", "apply"])
def test_what_did_not_change_is_not_written(*, dry_run: bool) -> None:
    declaration = some_of_everything()
    apply(declaration, dry_run=False)
    user, now = User.objects.get(email=declaration["users"][0]["email"]), timezone.now()
    session = Session.objects.create(user=user, authenticated_at=now, last_seen_at=now)
    before = rows()
    with writing_nothing():
        assert apply(declaration, dry_run=dry_run) == []
    assert rows() == before
    session.refresh_from_db()
    assert session.ended_at is None


@pytest.mark.usefixtures("empty")
def test_a_dry_run_writes_nothing_of_what_is_new_changed_or_gone() -> None:
    user = {name: value for name, value in EVERYTHING["users"][0].items() if name != "attributes"}
    apply({"users": [user], "scopes": [{"name": "old"}]}, dry_run=False)
    with writing_nothing():
        changes = apply(EVERYTHING, dry_run=True, prune=True)
    assert len(changes) == 17
    assert [change.what for change in apply(EVERYTHING, dry_run=False, prune=True)] == [
        change.what for change in changes
    ]


def test_an_unfinished_sign_up_stays_in_a_dry_run() -> None:
    user = User.objects.create_user(f"{unique('u')}@example.com", "x", self_registered=True)
    with writing_nothing():
        (change,) = apply({"users": [{"email": user.email}]}, dry_run=True)
    assert next(change.lines()) == f"+ user {user.email}"
    assert User.objects.filter(pk=user.pk).exists()


class OlderArgon2(Argon2PasswordHasher):
    """A hash that signing in would replace by a newer one."""

    time_cost, memory_cost, parallelism = 2, 64, 1


def test_a_password_that_is_as_declared_is_not_hashed_again() -> None:
    email, password = f"{unique('u')}@example.com", "one and the same"
    older = OlderArgon2()
    user = User.objects.create(email=email, password=older.encode(password, older.salt()))
    with writing_nothing():
        assert apply({"users": [{"email": email, "password": password}]}, dry_run=False) == []
    before = user.password
    user.refresh_from_db()
    assert user.password == before


def test_what_a_user_changes_meanwhile_stays() -> None:
    """Only what the file changes is stored: not the row as it was when it was compared."""
    user = User.objects.create(email=f"{unique('u')}@example.com", name="Before")

    def change() -> None:
        User.objects.filter(pk=user.pk).update(nickname="Ana", password=make_password("new"))
        connection.close()

    def progress(what: str, _done: int, _of: int) -> None:
        if what == "Users compared":
            with ThreadPoolExecutor(1) as elsewhere:  # with a connection of its own
                elsewhere.submit(change).result()

    entry = {"email": user.email, "name": "After"}
    apply({"users": [entry]}, dry_run=False, actor=_with(progress))
    user.refresh_from_db()
    assert (user.name, user.nickname) == ("After", "Ana")
    assert user.check_password("new")


def test_changes_are_made_in_short_transactions() -> None:
    name = unique("s")
    declaration = {"scopes": [{"name": f"{name}.{number}"} for number in range(50)]}
    with CaptureQueriesContext(connection) as captured:
        apply(declaration, dry_run=False)
    made = [0]
    for sql in (query["sql"] for query in captured.captured_queries):
        if sql.startswith("COMMIT"):
            made.append(0)
        made[-1] += sql.startswith('INSERT INTO "idp_scope"')
    assert sum(made) == 50
    assert max(made) <= 20


class StoppedError(Exception):
    """The process ends here."""


def test_a_run_that_was_cut_short_is_finished_by_the_next() -> None:
    name = unique("s")
    declaration = {
        "scopes": [{"name": f"{name}.{number}"} for number in range(50)],
        "users": [{"email": f"{name}@example.com", "password": "p" * 15}],
    }

    def progress(what: str, done: int, of: int) -> None:
        if what == "Changes made" and done >= 20:
            raise StoppedError

    with pytest.raises(StoppedError):
        apply(declaration, dry_run=False, actor=_with(progress))
    made = Scope.objects.filter(name__startswith=name).count()
    assert 0 < made < 50
    targets = Event.objects.filter(target__startswith=f"scope {name}").count()
    assert targets == made
    assert len(apply(declaration, dry_run=False)) == 50 - made
    assert apply(declaration, dry_run=False) == []


def test_all_mistakes_are_found_before_the_first_change() -> None:
    name = unique("s")
    good = [{"name": f"{name}.{number}"} for number in range(50)]
    with pytest.raises(DeclarationError, match="scope a b: "), writing_nothing():
        apply({"scopes": [*good, {"name": "a b"}]}, dry_run=False)


@pytest.mark.parametrize(
    "password",
    [
        make_password("x" * 15),
        "pbkdf2_sha256$1000000$salt$aGFzaA==",
        "bcrypt_sha256$$2b$12$abcdefghijklmnopqrstuv",
        "$2b$12$abcdefghijklmnopqrstuvabcdefghijklmnopqrstuvabcdefghijk",
        "$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA",
        "$6$salt$hash",
        "$y$j9T$salt$hash",
        "{SSHA}abcdefghijklmnopqrstuv==",
        "{CRYPT}$6$salt$hash",
        "{SHA512-CRYPT}$6$salt$hash",
    ],
)
def test_a_hash_is_no_password(password: str) -> None:
    email = f"{unique('u')}@example.com"
    with pytest.raises(DeclarationError, match=f"user {email}: password looks like a hash") as no:
        apply({"users": [{"email": email, "password": password}]}, dry_run=False)
    assert password not in str(no.value)
    assert "Write it as password_hash" in str(no.value)
    assert "leave it out and let the user choose one" in str(no.value)


@pytest.mark.parametrize("password", ["$6 for coffee, $2 for tea", "{curly} is my dog", "$x$y$z$"])
def test_a_password_with_dollars_or_braces_is_one(password: str) -> None:
    email = f"{unique('u')}@example.com"
    apply({"users": [{"email": email, "password": password}]}, dry_run=False)
    assert User.objects.get(email=email).check_password(password)


def _with(progress: Callable[[str, int, int], object]) -> Actor:
    return replace(COMMAND, progress=progress)
