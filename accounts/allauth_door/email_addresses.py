"""Records of email addresses: which are verified, and for which user."""

from collections.abc import Collection
from typing import Any

from allauth.account.internal.flows.email_verification import verify_email_indirectly
from allauth.account.internal.userkit import filter_users_by_email
from allauth.account.models import EmailAddress
from django.db.models import Exists, OuterRef
from django.http import HttpRequest

from accounts.models import User


def is_verified(user: User, email: str) -> bool:
    """Whether this is a verified address of the user's."""
    return bool(EmailAddress.objects.filter(user=user, email=email, verified=True).exists())


def has_verified(user: User) -> bool:
    """Whether any address of the user's is verified."""
    return bool(EmailAddress.objects.filter(user=user, verified=True).exists())


def is_verified_by_another(email: str, user_id: int | None) -> bool:
    """Whether a user other than the one with this id has verified the address."""
    verified = EmailAddress.objects.filter(email=email, verified=True)
    return bool(verified.exclude(user=user_id).exists())


def owners_of_verified(emails: Collection[str]) -> dict[str, int]:
    """Return the ids of the users who have verified any of these addresses, by address."""
    verified = EmailAddress.objects.filter(email__in=emails, verified=True)
    return dict(verified.values_list("email", "user_id"))


def primary_is_verified() -> Exists:
    """Return a condition on users: whether the address of their account is verified."""
    return Exists(
        EmailAddress.objects.filter(user=OuterRef("pk"), email=OuterRef("email"), verified=True)
    )


def users_at(email: str) -> list[User]:
    """Return the users with this address; those who have verified it, where any have."""
    found: list[User] = filter_users_by_email(email, prefer_verified=True, for_login=True)
    return found


def is_recorded(user: User, email: str) -> bool:
    """Whether there is a record of this address of the user's, verified or not."""
    return bool(EmailAddress.objects.filter(user=user, email=email).exists())


def listed(user: User) -> list[dict[str, Any]]:
    """Return the user's addresses, the primary one first."""
    rows = EmailAddress.objects.filter(user=user).order_by("-primary", "email")
    return list(rows.values("email", "verified", "primary"))


def make_primary(user: User, email: str, *, verified: bool) -> None:
    """Record the address as the user's primary one; other records stay."""
    EmailAddress.objects.filter(user=user).exclude(email=email).update(primary=False)
    EmailAddress.objects.update_or_create(
        user=user, email=email, defaults={"verified": verified, "primary": True}
    )


def record_first(users: Collection[User], verified: Collection[str]) -> None:
    """Record the addresses of new users as their primary ones; `verified` are those that are."""
    EmailAddress.objects.bulk_create(
        EmailAddress(user=user, email=user.email, verified=user.email in verified, primary=True)
        for user in users
    )


def replace(user: User, email: str, *, verified: bool) -> None:
    """Make the address the user's only one. Raises IntegrityError where another user has it."""
    EmailAddress.objects.filter(user=user).delete()
    EmailAddress.objects.create(user=user, email=email, verified=verified, primary=True)


def verify(request: HttpRequest, user: User, email: str) -> None:
    """Mark the address as verified and send the signal.

    Raises IntegrityError if another user has verified it.
    """
    verify_email_indirectly(request, user, email)
