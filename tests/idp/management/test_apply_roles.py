"""`manage.py apply` and `export`: roles of apps, their groups, and users' own roles."""

from typing import Any

import pytest
from django.contrib.auth.models import Group

from accounts.models import User
from idp.clients import deletion
from idp.clients.roles import roles_of
from idp.declaration import DeclarationError, apply, entry_of
from idp.models import Client, Event, Role
from tests.relying_party import unique


def client(**changes: Any) -> dict[str, Any]:
    redirect_uris = ["https://rp.example.com/callback"]
    public = {"token_endpoint_auth_method": "none", "redirect_uris": redirect_uris}
    return {"client_id": unique("client"), **public, **changes}


def user(**changes: Any) -> dict[str, Any]:
    return {"email": f"{unique('ana')}@example.com", **changes}


def run(**lists: Any) -> list[str]:
    return [line for change in apply(lists, dry_run=False) for line in change.lines()]


def has(entry: dict[str, Any], client_id: str) -> list[str]:
    return roles_of(User.objects.get(email=entry["email"]).pk, client_id)


def test_users_and_their_roles_come_in_one_file(database: object) -> None:
    group = unique("ops")
    app = client(roles={"admin": [group], "viewer": []})
    ana = user(roles={app["client_id"]: ["viewer"]}, groups=[group])
    lines = run(users=[ana], clients=[app])
    assert f"+ user {ana['email']}" in lines
    assert f"    roles: { ({'admin': [group], 'viewer': []})!r}" in lines
    assert has(ana, app["client_id"]) == ["admin", "viewer"]
    assert run(users=[ana], clients=[app]) == []


def test_a_change_is_shown_and_recorded(database: object) -> None:
    app = client(roles={"admin": [], "viewer": []})
    ana = user(roles={app["client_id"]: ["viewer"]})
    run(users=[ana], clients=[app])
    ana["roles"] = {app["client_id"]: ["admin"]}
    assert f"~ user {ana['email']}" in run(users=[ana])
    event = Event.objects.filter(target=f"user {ana['email']}").order_by("-id")[0]
    assert event.user == User.objects.get(email=ana["email"])
    before, after = event.details["changes"]["roles"]
    assert (before, after) == ({app["client_id"]: ["viewer"]}, {app["client_id"]: ["admin"]})
    del ana["roles"]
    assert run(users=[ana]) == []  # what a user's entry leaves out stays
    assert run(users=[{**ana, "roles": {}}])[0] == f"~ user {ana['email']}"
    assert has(ana, app["client_id"]) == []


def test_a_role_that_stays_keeps_its_users(database: object) -> None:
    app = client(roles={"admin": [], "viewer": []})
    ana = user(roles={app["client_id"]: ["admin", "viewer"]})
    run(users=[ana], clients=[app])
    app["roles"] = {"admin": [unique("ops")], "editor": []}
    lines = run(clients=[app])
    assert any("- viewer" in line and "+ editor" in line for line in lines)
    assert has(ana, app["client_id"]) == ["admin"]
    # The same file changes both, where a user's role goes with the app's.
    app["roles"] = {"editor": []}
    ana["roles"] = {app["client_id"]: ["editor"]}
    run(users=[ana], clients=[app])
    assert has(ana, app["client_id"]) == ["editor"]


def test_export_has_what_apply_made(database: object) -> None:
    group = unique("ops")
    app = client(roles={"viewer": [], "admin": [group]})
    ana = user(roles={app["client_id"]: ["viewer", "admin"]})
    run(users=[ana], clients=[app])
    exported = entry_of(Client.objects.get(client_id=app["client_id"]))
    assert exported["roles"] == {"admin": [group], "viewer": []}
    of_ana = entry_of(User.objects.get(email=ana["email"]))
    assert of_ana["roles"] == {app["client_id"]: ["admin", "viewer"]}


@pytest.mark.parametrize(
    "roles",
    [
        ["admin"],
        "admin",
        {"admin": "ops"},
        {"admin": [1]},
        {"admin": {"groups": []}},
        {"": []},
        {" admin": []},
        {"x" * 101: []},
        {"ad\u200bmin": []},
        {"admin": [""]},
        {"admin": ["x" * 151]},
        {f"role {number}": [] for number in range(201)},
        {1: []},
    ],
    ids=str,
)
def test_odd_roles_of_an_app_are_refused(database: object, roles: Any) -> None:
    with pytest.raises(DeclarationError, match=r"roles|names of its members"):
        run(clients=[client(roles=roles)])


@pytest.mark.parametrize("roles", [["admin"], "admin", {"x": "admin"}, {"x": [1]}, {"x": {}}])
def test_odd_roles_of_a_user_are_refused(database: object, roles: Any) -> None:
    with pytest.raises(DeclarationError, match="roles"):
        run(users=[user(roles=roles)])


def test_only_roles_that_there_are_can_be_given(database: object) -> None:
    app = client(roles={"admin": []})
    with pytest.raises(DeclarationError, match="has no role owner"):
        run(users=[user(roles={app["client_id"]: ["owner"]})], clients=[app])
    with pytest.raises(DeclarationError, match="There is no client nowhere"):
        run(users=[user(roles={"nowhere": ["admin"]})])
    assert not Client.objects.filter(client_id=app["client_id"]).exists()


def test_an_app_that_was_left_out_takes_no_roles(database: object) -> None:
    app = client(token_endpoint_auth_method="client_secret_basic", roles={"a": []})
    ana = user(roles={app["client_id"]: ["a"]})
    apply({"users": [ana], "clients": [app]}, dry_run=False, leave_out=True)
    assert has(ana, app["client_id"]) == []


def test_pruning_an_app_takes_its_roles(empty: None) -> None:
    app, kept = client(roles={"admin": []}), client(roles={"owner": []})
    ana = user(roles={app["client_id"]: ["admin"], kept["client_id"]: ["owner"]})
    run(users=[ana], clients=[app, kept])
    ana["roles"] = {kept["client_id"]: ["owner"]}
    apply({"users": [ana], "clients": [kept]}, dry_run=False, prune=True)
    assert not Role.objects.filter(client__client_id=app["client_id"]).exists()
    assert has(ana, kept["client_id"]) == ["owner"]


def test_what_is_deleted_takes_its_roles_along(database: object) -> None:
    group = unique("ops")
    app = client(roles={"admin": [group], "viewer": []})
    ana, ben = (user(roles={app["client_id"]: ["viewer"]}, groups=[group]) for _ in range(2))
    run(users=[ana, ben], clients=[app])
    User.objects.get(email=ana["email"]).delete()
    Group.objects.get(name=group).delete()
    assert has(ben, app["client_id"]) == ["viewer"]
    deletion.delete(Client.objects.get(client_id=app["client_id"]))
    assert not Role.objects.filter(name="viewer", client__client_id=app["client_id"]).exists()
    assert User.objects.get(email=ben["email"]).app_roles.count() == 0
