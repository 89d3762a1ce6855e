"""The declarative configuration: what a file says should be, compared with what is.

Top-level lists are `users`, `resource_servers` and `clients`. Members keep the names that the
specifications give them.
"""

from typing import Any

from django.db import transaction

from idp.declaration.change import Change, DeclarationError, refuse_unknown
from idp.declaration.clients import apply_client
from idp.declaration.resource_servers import apply_resource_server, appoint
from idp.declaration.users import apply_user

__all__ = ["Change", "DeclarationError", "apply"]

#: The lists, with the member that tells their entries apart.
_KEYS = {"users": "email", "resource_servers": "identifier", "clients": "client_id"}


def apply(declaration: Any, *, dry_run: bool) -> list[Change]:
    """Make everything as declared, all of it or nothing, and return what changed.

    Raises DeclarationError naming the entry and member that can't be.
    """
    lists = _lists(declaration)
    with transaction.atomic():
        changes = [
            *map(apply_user, lists["users"]),
            *map(apply_resource_server, lists["resource_servers"]),
            *map(apply_client, lists["clients"]),
            *map(appoint, lists["resource_servers"]),
        ]
        if dry_run:
            transaction.set_rollback(True)
    return [change for change in changes if change is not None]


def _lists(declaration: Any) -> dict[str, list[dict[str, Any]]]:
    if not isinstance(declaration, dict):
        raise DeclarationError(f"The file has to be a mapping with the lists {', '.join(_KEYS)}.")
    refuse_unknown("the file", declaration, _KEYS)
    lists = {name: declaration.get(name, []) for name in _KEYS}
    for name, key in _KEYS.items():
        entries = lists[name]
        if not isinstance(entries, list):
            raise DeclarationError(f"{name} has to be a list.")
        for entry in entries:
            if not isinstance(entry, dict) or not isinstance(entry.get(key), str):
                raise DeclarationError(f"Every entry of {name} needs its {key}.")
    return lists
