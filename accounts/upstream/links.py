"""Links between users and their accounts at upstreams, by (upstream, subject) alone."""

from typing import Any

from django.dispatch import Signal
from django.http import HttpRequest

from accounts.allauth_door import mails, social_accounts
from accounts.models import User
from accounts.upstream.identity import Identity
from accounts.upstream.model import Upstream
from accounts.upstream.refusals import OtherAccountError

#: Sent with `request`, `user`, `upstream` (a slug) and `subject`.
account_connected = Signal()
account_disconnected = Signal()
#: What is kept of the claims, so that users tell their connected accounts apart.
_SHOWN = ("email", "preferred_username", "name")


def user_of(identity: Identity) -> User | None:
    """Return the user whom an identity is linked with, or None."""
    row = social_accounts.found(identity.upstream.slug, identity.subject)
    return row.user if row is not None else None


def connect(request: HttpRequest, user: User, identity: Identity, *, notify: bool) -> None:
    """Link an identity with a user. Raises OtherAccountError if it is another user's.

    With `notify`, the user gets a mail about it.
    """
    before = user_of(identity)
    if before == user:
        return
    slug, subject = identity.upstream.slug, identity.subject
    if before is not None or not social_accounts.connect(user, slug, subject, shown(identity)):
        raise OtherAccountError("The identity is linked with another user.")
    account_connected.send(User, request=request, user=user, upstream=slug, subject=subject)
    if notify:
        context = {"upstream": identity.upstream.name}
        mails.send("account/email/account_connected", user.email, context, request)


def disconnect(request: HttpRequest, row: Any) -> None:
    """Remove a link. The caller has made sure that it is not the last way in."""
    user, slug, subject = row.user, row.provider, row.uid
    row.delete()
    account_disconnected.send(User, request=request, user=user, upstream=slug, subject=subject)


def number_at(slug: str) -> int:
    """Return how many users have connected an account at an upstream."""
    return int(social_accounts.at(slug).count())


def shown(identity: Identity) -> dict[str, str]:
    """Return what is kept of an identity, for its user's own page."""
    return {
        name: value[:200]
        for name in _SHOWN
        if isinstance(value := identity.claims.get(name), str) and value.isprintable()
    }


def upstreams_of(user: User) -> dict[str, Upstream]:
    """Return the upstreams of a user's connected accounts, by slug."""
    slugs = social_accounts.of(user).values_list("provider", flat=True)
    return {row.slug: row for row in Upstream.objects.filter(slug__in=list(slugs))}
