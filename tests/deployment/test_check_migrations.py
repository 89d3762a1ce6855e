"""scripts/check_migrations.py refuses what the previous release can't work with, and no more."""

import importlib.util
from typing import Any

import pytest
from django.db.migrations import operations as made
from django.db.migrations.state import ProjectState
from django.db.models import CharField, IntegerField, TextField

from tests.conftest import ROOT

pytestmark = pytest.mark.once
_SPEC = importlib.util.spec_from_file_location("check", ROOT / "scripts/check_migrations.py")
assert _SPEC is not None
assert _SPEC.loader is not None
check = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(check)


def problems(*operations: Any) -> list[str]:
    before = ProjectState()
    name, note = CharField(max_length=50, null=True), TextField()
    made.CreateModel("Loaf", [("name", name), ("note", note)]).state_forwards("bakery", before)
    return list(check.problems("bakery", list(operations), before))


@pytest.mark.parametrize(
    "operation",
    [
        made.RemoveField("loaf", "note"),
        made.RenameField("loaf", "note", "text"),
        made.DeleteModel("Loaf"),
        made.RenameModel("Loaf", "Bread"),
        made.AlterModelTable("loaf", "bread"),
        made.RunSQL("ALTER TABLE loaf DROP COLUMN note"),
        made.SeparateDatabaseAndState([made.RemoveField("loaf", "note")]),
        made.AddField("loaf", "weight", IntegerField(default=1)),  # Django drops the default
        made.AlterField("loaf", "name", CharField(max_length=40, null=True)),
        made.AlterField("loaf", "name", CharField(max_length=50)),
        made.AlterField("loaf", "name", IntegerField(null=True)),
    ],
    ids=lambda operation: operation.describe(),
)
def test_what_takes_something_away_is_refused(operation: Any) -> None:
    assert len(problems(operation)) == 1


def test_what_adds_or_widens_is_fine() -> None:
    assert (
        problems(
            made.AddField("loaf", "weight", IntegerField(null=True)),
            made.AddField("loaf", "price", IntegerField(db_default=1)),
            made.AlterField("loaf", "name", CharField(max_length=60, null=True, choices=[])),
            made.CreateModel("Roll", [("name", CharField(max_length=9))]),
            made.RunSQL("CREATE INDEX ON loaf (name)"),
        )
        == []
    )
