"""Deleting an account: asked for by its person, undone until it is due, then done by the worker.

Whoever waits to be deleted is not active, so nothing of theirs is good any more, as with a disabled
account. Signing in leads to one page, which offers to keep the account (`accounts.stages`).
"""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.dispatch import Signal
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from accounts.allauth_door import mails
from accounts.models import User
from accounts.sessions import Ending, end_in_batches, end_sessions
from foundation.deletion import delete_in_batches

#: Sent inside the transaction, with `user`, and `request` where it is the person's own.
deletion_asked = Signal()
deletion_undone = Signal()


class LastSuperuserError(Exception):
    """Without this account, nobody could administer the service any more."""


def due_from_now() -> datetime:
    """Return when an account is deleted whose person asks now."""
    return timezone.now() + timedelta(days=settings.IDP_DELETION_DAYS)


def ask(request: HttpRequest, user: User) -> datetime | None:
    """Mark an account to be deleted, and return when: it ends at once, and can be kept until then.

    None where it was disabled meanwhile. Raises LastSuperuserError.
    """
    due = due_from_now()
    with transaction.atomic():
        if user.is_superuser:
            # Locked, so that of two who ask at once one is the last.
            list(User.objects.select_for_update().filter(is_superuser=True).order_by("pk"))
        if is_last_superuser(user):
            raise LastSuperuserError
        active = User.objects.filter(pk=user.pk, is_active=True)
        if not active.update(is_active=False, deletion_due_at=due):
            return None
        end_sessions(user.sessions.filter(ended_at=None), Ending.DELETION_ASKED)
        deletion_asked.send(sender=User, request=request, user=user)
    link = f"{settings.IDP_ISSUER}{reverse('account_login')}"
    _tell(user, "deletion_asked", due=due, link=link)
    return due


def keep(user: User, request: HttpRequest | None = None) -> bool:
    """Undo that; return whether there was anything to undo. What ended stays ended."""
    waiting = User.objects.filter(pk=user.pk, deletion_due_at__gt=timezone.now())
    with transaction.atomic():
        if not waiting.update(is_active=True, deletion_due_at=None):
            return False
        # A sign-in that crossed with the wish doesn't come to life by this.
        end_sessions(user.sessions.filter(ended_at=None), Ending.DELETION_ASKED)
        user.is_active, user.deletion_due_at = True, None
        deletion_undone.send(sender=User, request=request, user=user)
    _tell(user, "deletion_undone")
    return True


def due(now: datetime) -> QuerySet[User]:
    """Return the accounts that are to be deleted now."""
    return User.objects.filter(is_active=False, deletion_due_at__lte=now)


def delete(user: User) -> bool:
    """Delete an account that waits for it, with all that is theirs; False if it was kept meanwhile.

    That is done in batches, so it is due from the first on, and can't be kept any more.
    """
    now = timezone.now()
    waiting = User.objects.filter(pk=user.pk, is_active=False, deletion_due_at__isnull=False)
    waiting.filter(deletion_due_at__gt=now).update(deletion_due_at=now)
    if not waiting.exists():
        return False
    end_in_batches(user.sessions.all(), Ending.ACCOUNT_DELETED)
    delete_in_batches(user)
    return True


def is_last_superuser(user: User) -> bool:
    """Whether without this account nobody could administer everything."""
    others = User.objects.filter(is_superuser=True, is_active=True).exclude(pk=user.pk)
    return user.is_superuser and not others.exists()


def _tell(user: User, template: str, **context: object) -> None:
    mails.send(f"account/email/{template}", user.email, context)
