"""The groups that upstreams give: each membership is marked, so that those given by hand stay."""

from collections.abc import Collection

from django.contrib.auth.models import Group
from django.db import transaction
from django.db.models import QuerySet

from accounts.models import Upstream, UpstreamMembership, User
from accounts.upstream.removal import take_away


def give(
    user: User, upstream: Upstream, names: Collection[str]
) -> tuple[list[str], list[str]] | None:
    """Let a user have exactly these groups by this upstream; return all before and after.

    None if nothing changes. Groups with permissions in the administration are never given: an
    operator of the upstream would have these. Names without a group are ignored.
    """
    marked = UpstreamMembership.objects.filter(user=user, upstream=upstream)
    if not names and not marked.exists():
        return None
    with transaction.atomic():
        User.objects.select_for_update(no_key=True).get(pk=user.pk)  # one sign-in after the other
        before = _names(user)
        ids = set(givable(names).values_list("pk", flat=True))
        take_away([row for row in marked if row.group_id not in ids])
        _add(user, upstream, ids)
        after = _names(user)
    return (before, after) if before != after else None


def givable(names: Collection[str]) -> QuerySet[Group]:
    """Return the groups of these names that an upstream may give: none with permissions."""
    return Group.objects.filter(name__in=names, permissions=None)


def _add(user: User, upstream: Upstream, ids: set[int]) -> None:
    """Add memberships with a mark. One that was there without a mark was given by hand."""
    members = User.groups.through._default_manager.filter(user_id=user.pk)
    present = set(members.values_list("group_id", flat=True))
    marks = UpstreamMembership.objects.filter(user=user)
    by_any = set(marks.values_list("group_id", flat=True))
    by_this = set(marks.filter(upstream=upstream).values_list("group_id", flat=True))
    UpstreamMembership.objects.bulk_create(
        UpstreamMembership(user=user, upstream=upstream, group_id=group)
        for group in sorted(ids - by_this)
        if group not in present or group in by_any
    )
    user.groups.add(*sorted(ids - present))


def _names(user: User) -> list[str]:
    return sorted(user.groups.values_list("name", flat=True))
