"""Delete an upstream with all that refers to it, in batches: there may be a million links."""

from collections.abc import Iterator
from typing import Any

from django.db.models import QuerySet

from accounts.allauth_door import social_accounts
from accounts.models import Upstream, UpstreamMembership, UpstreamSession, UsedUpstreamToken, User

_BATCH = 500


def clear(upstream: Upstream) -> None:
    """Disconnect all accounts of an upstream, and take away the groups that it has given.

    Links have to go with it: another upstream of the same short name would have other users.
    """
    for rows in _batches(UpstreamMembership.objects.filter(upstream=upstream)):
        take_away(rows)
    for links in _batches(social_accounts.at(upstream.slug)):
        _delete(links)
    for sessions in _batches(UpstreamSession.objects.filter(upstream=upstream)):
        _delete(sessions)
    for used in _batches(UsedUpstreamToken.objects.filter(upstream=upstream)):
        _delete(used)


def remove(upstream: Upstream) -> None:
    """Delete an upstream, and what `clear` removes."""
    clear(upstream)
    upstream.delete()


def take_away(rows: list[UpstreamMembership]) -> None:
    """Take away memberships that upstreams have given, unless another one gives the same."""
    _delete(rows)
    others = UpstreamMembership.objects.filter(user__in={row.user_id for row in rows})
    kept = set(others.values_list("user_id", "group_id"))
    members = User.groups.through._default_manager
    for group in {row.group_id for row in rows}:
        gone = {row.user_id for row in rows if row.group_id == group}
        gone -= {user for user, other in kept if other == group}
        members.filter(group_id=group, user_id__in=gone).delete()


def _batches(rows: "QuerySet[Any]") -> Iterator[list[Any]]:
    while found := list(rows[:_BATCH]):
        yield found


def _delete(rows: list[Any]) -> None:
    if rows:
        type(rows[0])._default_manager.filter(pk__in=[row.pk for row in rows]).delete()
