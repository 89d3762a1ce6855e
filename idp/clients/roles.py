"""Roles of users at a client. A role at one client means nothing at another. RFC 9068 §2.2.3.1."""

from django.db.models import Q

from idp.models import Role

_OF_USERS, _OF_GROUPS = Role.users.through, Role.groups.through


def roles_of(user_id: int, client_id: str) -> list[str]:
    """Return the names of a user's roles at a client, sorted; one statement.

    It begins with the user's own rows, however many users have a role.
    """
    own = _OF_USERS._default_manager.filter(user=user_id).values("role")
    by_groups = _OF_GROUPS._default_manager.filter(group__user=user_id).values("role")
    found = Role.objects.filter(Q(pk__in=own) | Q(pk__in=by_groups), client__client_id=client_id)
    return sorted(found.values_list("name", flat=True))
