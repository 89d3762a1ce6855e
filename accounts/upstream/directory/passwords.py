"""Passwords that a directory has: whose, and where they change it.

A user who signs in with a directory and has no password here gets none by mail or in their account:
the directory decides who may still sign in. An operator may allow it (`local_passwords`).
"""

from dataclasses import dataclass

from accounts.allauth_door import social_accounts
from accounts.models import User
from accounts.upstream import kinds
from accounts.upstream.directory.kind import NAME
from accounts.upstream.model import Upstream


@dataclass(frozen=True)
class Home:
    """The directory that has a user's password."""

    name: str
    #: Where its users change their password; empty if the operator has named no page.
    page: str


def home_of(user: User) -> Home | None:
    """Return the directory that has this user's password; None if they have or may have one here.

    A directory that is disabled, or can't be used here, stops no user.
    """
    if user.pk is None or user.has_usable_password() or kinds.named(NAME) is None:
        return None
    slugs = social_accounts.of(user).values_list("provider", flat=True)
    rows = Upstream.objects.filter(slug__in=list(slugs), kind=NAME, enabled=True)
    for row in rows.defer("mark"):
        if not row.settings.get("local_passwords", False):
            return Home(row.name, row.settings.get("password_page", ""))
    return None
