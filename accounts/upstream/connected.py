"""A user's connected accounts: which there are, and disconnecting one, never the last way in."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import transaction
from django.http import HttpRequest

from accounts import second_factor
from accounts.allauth_door import mails, social_accounts
from accounts.models import Upstream, UpstreamMembership, User
from accounts.upstream import links, marks, ways
from accounts.upstream.removal import take_away

#: What tells accounts at one upstream apart, the best first.
_NAMES = ("email", "preferred_username", "name")


class LastWayInError(Exception):
    """Without this account, its user could not sign in any more."""


@dataclass(frozen=True)
class Connected:
    """A connected account, as its user sees it."""

    pk: int
    upstream: str
    #: The address of the upstream's mark, or empty.
    mark: str
    #: Who the user is there; empty if the upstream did not say.
    name: str
    since: datetime
    last_used: datetime
    #: Whether it signs in: its upstream is enabled.
    works: bool


@dataclass(frozen=True)
class Connectable:
    """An upstream at which the user may connect an account."""

    slug: str
    name: str
    mark: str


def of(user: User) -> list[Connected]:
    """Return a user's connected accounts, the oldest first."""
    rows = list(social_accounts.of(user))
    upstreams = links.upstreams_of(user) if rows else {}
    usable = {row.slug for row in ways.enabled(ways.Offer())} if rows else set()
    return [_connected(row, upstreams.get(row.provider), usable) for row in rows]


def connectable(accounts: Iterable[Connected]) -> list[Connectable]:
    """Return the upstreams at which a user with these accounts may connect one more."""
    taken = {account.upstream for account in accounts}
    return [
        Connectable(row.slug, row.name, marks.address_of(row))
        for row in ways.enabled(ways.Offer())
        if row.name not in taken
    ]


def names_of(user: User) -> list[str]:
    """Return the names of the upstreams that sign a user in."""
    return sorted({account.upstream for account in of(user) if account.works})


def is_last_way_in(user: User, pk: int) -> bool:
    """Whether a user has no other way to sign in than the connected account with this key."""
    if user.has_usable_password() or second_factor.has_passkey(user):
        return False
    return not any(account.works for account in of(user) if account.pk != pk)


def disconnect(request: HttpRequest, user: User, pk: int) -> None:
    """Disconnect an account of a user's, and tell them by mail; do nothing if it is gone.

    Of parallel requests, the second sees what the first has left. Raises LastWayInError.
    """
    with transaction.atomic():
        locked = User.objects.select_for_update(no_key=True).get(pk=user.pk)
        row = social_accounts.of(locked).filter(pk=pk).first()
        if row is None:
            return
        if is_last_way_in(locked, pk):
            raise LastWayInError
        upstream = Upstream.objects.filter(slug=row.provider).first()
        links.disconnect(request, row)
        _take_groups_away(locked, row.provider)
        name = upstream.name if upstream else row.provider
        context = {"upstream": name}
        mails.send("account/email/account_disconnected", locked.email, context, request)


def _take_groups_away(user: User, slug: str) -> None:
    """Take away what an upstream has given a user who has no account of it any more."""
    if not social_accounts.of(user).filter(provider=slug).exists():
        take_away(list(UpstreamMembership.objects.filter(user=user, upstream__slug=slug)))


def _connected(row: Any, upstream: Upstream | None, usable: set[str]) -> Connected:
    said = row.extra_data if isinstance(row.extra_data, dict) else {}
    return Connected(
        pk=row.pk,
        upstream=upstream.name if upstream else row.provider,
        mark=marks.address_of(upstream) if upstream else "",
        name=next((said[name] for name in _NAMES if said.get(name)), ""),
        since=row.date_joined,
        last_used=row.last_login,
        works=row.provider in usable,
    )
