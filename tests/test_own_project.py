"""docs/own-project.md: what it promises holds in examples/own_project."""

import json
import os
import re
import subprocess
import sys
from typing import Any

import pytest

from tests.conftest import ROOT, make_sqlite_database

PROJECT = ROOT / "examples" / "own_project"
RECIPE = (ROOT / "docs" / "own-project.md").read_text()
ROW = re.compile(r"^\| `([\w/]+\.html)` \|[^|]*\|([^|]*)\|([^|]*)\|$", re.MULTILINE)


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What visitors, an operator and an app saw of the project, in one process of its own."""
    database = tmp_path_factory.mktemp("own") / "db.sqlite3"
    make_sqlite_database(database)
    environment = {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": f"{PROJECT}:{ROOT}",
        "DJANGO_SETTINGS_MODULE": "bakery.settings",
        "DATABASE_URL": f"sqlite:///{database}",
    }
    ran = subprocess.run(
        [sys.executable, "-m", "tests.own_project"],
        cwd=PROJECT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr[-5000:]
    return {**json.loads(ran.stdout), "log": ran.stderr}


def test_a_profile_of_ones_own_beside_the_claim_of_that_name(seen: dict[str, Any]) -> None:
    assert "Not chosen yet" in seen["bread"]["text"]
    assert seen["userinfo"]["profile"] == "https://example.com/ana"
    assert seen["userinfo"]["sub"] == seen["sub"]
    assert seen["left"] == 0  # it goes with the account


def test_admin_pages_of_ones_own_beside_ours(seen: dict[str, Any]) -> None:
    admin = seen["admin"]
    navigation = admin["home"].partition('id="side"')[2].partition("</nav>")[0]
    assert "Bakery" in navigation
    assert "/admin/accounts/user/" in navigation
    assert set(admin["pages"].values()) == {200}
    assert admin["added"] == admin["users"] == 200
    assert "spelt" in admin["found"]
    assert admin["toolkit"] == 404  # no page of a library's own


def test_middleware_and_logging_of_ones_own(seen: dict[str, Any]) -> None:
    assert seen["bread"]["branch"] == seen["branch"] == "Mill Lane"
    assert f"bread of {seen['sub']}" in seen["log"]


def test_templates_replace_ours_by_the_names_that_are_documented(seen: dict[str, Any]) -> None:
    assert "One account for the shop and the ovens." in seen["login"]
    assert "Baked daily at Mill Lane." in seen["login"]
    rows = ROW.findall(RECIPE)
    assert len(rows) >= 10
    for name, blocks, variables in rows:
        text = (ROOT / "templates" / name).read_text()
        parents = "".join(
            (ROOT / "templates" / parent).read_text()
            for parent in re.findall(r'{% extends "([^"]+)"', text)
        )
        for block in re.findall(r"`(\w+)`", blocks):
            assert f"{{% block {block} %}}" in text + parents, (name, block)
        unknown = set(re.findall(r"`(\w+)`", variables)) - set(seen["templates"].get(name, ()))
        assert not unknown, (name, unknown)


def test_the_recipe_is_the_example() -> None:
    for name, text in re.findall(r"^# (\w+/\w+\.py)\n(.*?)^```$", RECIPE, re.MULTILINE | re.DOTALL):
        assert text in (PROJECT / name).read_text(), name
