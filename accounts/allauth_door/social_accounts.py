"""Connected accounts: allauth's rows of users' accounts elsewhere, by upstream and subject."""

import hashlib
from collections.abc import Iterable, Mapping
from typing import TypeAlias

from allauth.socialaccount.models import SocialAccount
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils import timezone

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


def owners(slug: str, subjects: Iterable[str]) -> dict[str, int]:
    """Return the primary keys of the users who have connected any of these subjects, by subject."""
    wanted = {_uid(subject): subject for subject in subjects}
    rows = SocialAccount.objects.filter(provider=slug, uid__in=list(wanted))
    return {wanted[uid]: pk for uid, pk in rows.values_list("uid", "user_id")}


def connect_all(links: Iterable[tuple[User, str, str]]) -> None:
    """Connect users with accounts at upstreams (slug, subject), except those that are already."""
    SocialAccount.objects.bulk_create(
        (SocialAccount(user=user, provider=slug, uid=_uid(uid)) for user, slug, uid in links),
        ignore_conflicts=True,
    )


def of(user: User) -> "QuerySet[ConnectedAccount]":
    """Return a user's connected accounts, the oldest first."""
    rows: QuerySet[ConnectedAccount] = SocialAccount.objects.filter(user=user).order_by("pk")
    return rows


def note_use(slug: str, subject: str) -> None:
    """Note that a subject's account has just signed its user in."""
    rows = SocialAccount.objects.filter(provider=slug, uid=_uid(subject))
    rows.update(last_login=timezone.now())


def at(slug: str) -> "QuerySet[ConnectedAccount]":
    """Return all accounts that are connected at an upstream."""
    rows: QuerySet[ConnectedAccount] = SocialAccount.objects.filter(provider=slug)
    return rows


def _uid(subject: str) -> str:
    """Return a subject as it is stored: the column is too short for the longest."""
    if len(subject) <= _LONGEST and not subject.startswith(_HASHED):
        return subject
    return _HASHED + hashlib.sha256(subject.encode()).hexdigest()
