"""Operators open scopes of an API to clients that come by themselves; `apply` and export agree."""

from typing import Any

import pytest
import yaml

from idp.declaration import DeclarationError, apply, export
from idp.models import ResourceServer
from tests.idp.admin.conftest import Operator, events_of
from tests.relying_party import unique


def test_scopes_are_opened_and_closed_in_the_form(operator: Operator) -> None:
    identifier = f"https://{unique('notes')}.example.com/mcp"
    page = operator.save(
        "idp/resourceserver/add/",
        identifier=identifier,
        scopes="notes.read: Read your notes\nnotes.write",
        self_registered_scopes="notes.read",
    )
    assert page.status_code == 200
    server = ResourceServer.objects.get(identifier=identifier)
    opened = {"description": "Read your notes", "self_registered": True}
    assert server.scopes == {"notes.read": opened, "notes.write": ""}
    assert server.open_scopes == {"notes.read"}
    assert server.words_for("notes.read") == "Read your notes"
    path = f"idp/resourceserver/{server.pk}/change/"
    assert "notes.read: Read your notes\nnotes.write</textarea>" in operator.open(path).text
    operator.save(path, self_registered_scopes="")
    server.refresh_from_db()
    assert server.scopes == {"notes.read": "Read your notes", "notes.write": ""}
    changed = events_of(operator)[-1].details["changes"]["scopes"]
    assert changed[0]["notes.read"] == opened


def test_only_scopes_of_the_api_can_be_opened(operator: Operator) -> None:
    identifier = f"https://{unique('notes')}.example.com/mcp"
    page = operator.save(
        "idp/resourceserver/add/",
        identifier=identifier,
        scopes="notes.read",
        self_registered_scopes="notes.write",
    )
    assert "The API has no scope notes.write." in page.text
    assert not ResourceServer.objects.filter(identifier=identifier).exists()


def test_what_is_exported_is_applied_without_a_change(database: None) -> None:
    entry = {
        "identifier": f"https://{unique('notes')}.example.com/mcp",
        "scopes": {"notes.read": {"description": "Read", "self_registered": True}, "x": "X"},
    }
    apply({"resource_servers": [entry]}, dry_run=False)
    exported = yaml.safe_load("".join(export(only=["resource_servers"])))
    assert entry in exported["resource_servers"]
    assert apply({"resource_servers": [entry]}, dry_run=False) == []
    closed = {**entry, "scopes": {**entry["scopes"], "notes.read": "Read"}}  # type: ignore[dict-item]
    [change] = apply({"resource_servers": [closed]}, dry_run=False)
    assert "self_registered" in "\n".join(change.lines())


@pytest.mark.parametrize(
    "described",
    [
        5,
        None,
        ["Read"],
        {"description": 5},
        {"self_registered": "true"},
        {"self_registered": 1},
        {"self_registerd": True},
        {"description": {"en": "Read"}},
    ],
    ids=str,
)
def test_a_description_that_is_none(database: None, described: Any) -> None:
    entry = {"identifier": f"https://{unique('notes')}.example.com", "scopes": {"r": described}}
    with pytest.raises(DeclarationError, match="scopes: r: What a scope lets an app do has to be"):
        apply({"resource_servers": [entry]}, dry_run=False)
