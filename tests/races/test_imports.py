"""Somebody changes what a file changes, too, between what was agreed to and what is done."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connection

from idp.declaration import Caller, DeclarationError, apply, fingerprint, run
from idp.models import Scope
from tests.relying_party import unique


def test_what_changes_at_the_same_moment_is_not_overwritten(
    database: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has one writer at a time")
    name = unique("scope")
    Scope.objects.create(name=name, description="One")
    declaration = {"scopes": [{"name": name, "description": "Two"}]}
    agreed = fingerprint(apply(declaration, dry_run=True))

    def another() -> None:
        Scope.objects.filter(name=name).update(description="Three")
        connection.close()

    def known_scopes() -> dict[str, str]:
        """The first that is asked; then another operator is faster."""
        Scope.objects.count()
        with ThreadPoolExecutor(1) as thread:
            thread.submit(another).result()
        return {}

    with monkeypatch.context() as at_this_moment:
        at_this_moment.setattr(run, "known_scopes", known_scopes)
        with pytest.raises(DeclarationError, match="Somebody else changed"):
            apply(declaration, dry_run=False, caller=Caller(lambda *_, **__: None, agreed=agreed))
    assert Scope.objects.get(name=name).description == "Three"
