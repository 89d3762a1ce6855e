"""Roles of clients with their groups, and users' own roles, as a file declares them."""

from collections.abc import Callable, Collection
from functools import partial
from typing import Any

from accounts.models import User
from idp.declaration import groups
from idp.declaration.change import Change, Outcome
from idp.declaration.members import DeclarationError, is_text
from idp.declaration.steps import ConflictError, Step, check_unchanged
from idp.models import Client, Role
from idp.models.role import problem_with_role

#: The groups of each role of a client, or the roles of a user at each client.
Names = dict[str, list[str]]
_MOST = 200


def of_client(client: Client) -> Names:
    """Return the roles of a client, each with its groups."""
    if client.pk is None:
        return {}
    return {
        role.name: sorted(group.name for group in role.groups.all()) for role in client.roles.all()
    }


def of_user(user: User) -> Names:
    """Return the roles that a user has at each client, not by a group."""
    found: Names = {}
    for role in user.app_roles.all() if user.pk is not None else ():
        found.setdefault(role.client.client_id, []).append(role.name)
    return {client_id: sorted(names) for client_id, names in found.items()}


def declared(what: str, entry: dict[str, Any]) -> Names:
    """Return the roles that an entry of a client declares. Raises DeclarationError."""
    roles = names_in(what, entry.get("roles", {}))
    if len(roles) > _MOST:
        raise DeclarationError(f"{what}: roles: A client has at most {_MOST} roles.")
    for name, names in roles.items():
        if problem := problem_with_role(name):
            raise DeclarationError(f"{what}: roles: {name!r}: {problem}")
        groups.refuse_odd_names(what, "roles", names)
    return roles


def save(client: Client, roles: Names) -> None:
    """Make the roles of a client these, with these groups. Users keep those that stay."""
    client.roles.exclude(name__in=roles).delete()
    for name, names in roles.items():
        role, _made = Role.objects.get_or_create(client=client, name=name)
        role.groups.set(groups.made(names))


def plan_user_roles(
    entry: dict[str, Any],
    *,
    before: Names,
    offered: Callable[[str], Collection[str] | None],
    left_out: Collection[str],
) -> Step | None:
    """Return the step that gives a user their roles, once all clients are saved.

    `before` are those that the user has. `offered` returns the roles that a client will have, None
    for an unknown client; those that were `left_out` are valid references. Raises DeclarationError.
    """
    if "roles" not in entry:
        return None
    what = f"user {entry['email']}"
    wanted = {
        client_id: names
        for client_id, names in names_in(what, entry["roles"]).items()
        if names and client_id not in left_out
    }
    for client_id, names in wanted.items():
        known = offered(client_id)
        if known is None:
            raise DeclarationError(f"{what}: roles: There is no client {client_id}.")
        if unknown := sorted(set(names) - set(known)):
            said = f"The client {client_id} has no role {unknown[0]}."
            raise DeclarationError(f"{what}: roles: {said}")
    # Those that go with their role are part of its client's change.
    before = {
        client_id: stay
        for client_id, names in before.items()
        if (stay := [name for name in names if name in (offered(client_id) or ())])
    }
    if before == wanted:
        return None
    fields = {"roles": (before, wanted)}
    return Step(Change(what, Outcome.CHANGED, fields), partial(_give, entry["email"], fields))


def _give(email: str, fields: dict[str, tuple[Any, Any]]) -> User:
    user = User.objects.select_for_update(no_key=True).get(email=email)
    check_unchanged(user, fields, lambda user: {"roles": of_user(user)})
    _before, wanted = fields["roles"]
    roles = [
        role
        for client_id, names in wanted.items()
        for role in Role.objects.filter(client__client_id=client_id, name__in=names)
    ]
    if len(roles) < sum(map(len, wanted.values())):
        raise ConflictError("A role is gone.")
    user.app_roles.set(roles)
    return user


def names_in(what: str, value: Any) -> Names:
    """Return a mapping of texts to lists of texts, sorted. Raises DeclarationError."""
    if not isinstance(value, dict) or not all(
        isinstance(names, list) and all(isinstance(name, str) and is_text(name) for name in names)
        for names in value.values()
    ):
        raise DeclarationError(f"{what}: roles: This has to be a mapping to lists of texts.")
    return {key: sorted(set(names)) for key, names in value.items()}
