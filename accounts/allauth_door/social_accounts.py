"""Connected accounts: allauth's rows of users' accounts elsewhere, by upstream and subject."""

import hashlib
from collections.abc import Mapping
from typing import TypeAlias

from allauth.socialaccount.models import SocialAccount
from django.db import IntegrityError, transaction
from django.db.models import QuerySet

from accounts.models import User

#: A user's account at an upstream: `provider` is the upstream's slug.
ConnectedAccount: TypeAlias = SocialAccount
_LONGEST = 190
_HASHED = "sha256:"


def found(slug: str, subject: str) -> "ConnectedAccount | None":
    """Return the connected account of a subject at an upstream, with its user."""
    rows = SocialAccount.objects.select_related("user")
    return rows.filter(provider=slug, uid=_uid(subject)).first()


def connect(user: User, slug: str, subject: str, said: Mapping[str, object]) -> bool:
    """Connect a subject's account with a user; return whether it is theirs now.

    It is not where it is another user's. `said` is shown to the user on their page.
    """
    try:
        with transaction.atomic():
            SocialAccount.objects.create(
                user=user, provider=slug, uid=_uid(subject), extra_data=dict(said)
            )
    except IntegrityError:
        row = found(slug, subject)
        return row is not None and row.user_id == user.pk
    return True


def of(user: User) -> "QuerySet[ConnectedAccount]":
    """Return a user's connected accounts, the oldest first."""
    rows: QuerySet[ConnectedAccount] = SocialAccount.objects.filter(user=user)
    return rows.order_by("pk")


def at(slug: str) -> "QuerySet[ConnectedAccount]":
    """Return all accounts that are connected at an upstream."""
    rows: QuerySet[ConnectedAccount] = SocialAccount.objects.filter(provider=slug)
    return rows


def _uid(subject: str) -> str:
    """Return a subject as it is stored: the column is too short for the longest."""
    if len(subject) <= _LONGEST and not subject.startswith(_HASHED):
        return subject
    return _HASHED + hashlib.sha256(subject.encode()).hexdigest()
