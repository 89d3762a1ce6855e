"""Account deletion: asked for by the user, undone until it is due, then done by the worker.

An account that is to be deleted is inactive, so its sessions, grants and tokens are invalid, as
with a disabled account. Signing in leads to one page, which offers to keep the account
(`accounts.stages`).
"""

from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.dispatch import Signal
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from accounts import profile_pictures
from accounts.allauth_door import mails
from accounts.models import User
from accounts.sessions import Ending, end_in_batches, end_sessions
from foundation import mail
from foundation.deletion import delete_in_batches

#: Sent inside the transaction, with `user`, and `request` where it is the user's own.
deletion_asked = Signal()
deletion_undone = Signal()


class LastSuperuserError(Exception):
    """Deleting this account would leave the service without a superuser."""


def due_from_now() -> datetime:
    """Return when an account is deleted if its user asks for it now."""
    return timezone.now() + timedelta(days=settings.IDP_DELETION_DAYS)


def ask(request: HttpRequest, user: User) -> datetime | None:
    """Mark an account for deletion and return when it is due; its sessions end at once.

    Returns None if the account was disabled in the meantime. Raises LastSuperuserError.
    """
    due = due_from_now()
    with transaction.atomic():
        if user.is_superuser:
            # Locked, so that of two superusers who ask at once one is the last.
            list(User.objects.select_for_update().filter(is_superuser=True).order_by("pk"))
        if is_last_superuser(user):
            raise LastSuperuserError
        active = User.objects.filter(pk=user.pk, is_active=True)
        if not active.update(is_active=False, deletion_due_at=due):
            return None
        end_sessions(user.sessions.filter(ended_at=None), Ending.DELETION_ASKED)
        deletion_asked.send(sender=User, request=request, user=user)
        link = f"{settings.IDP_ORIGIN}{reverse('account_login')}"
        context = {"due": due, "link": link}
        mails.send("account/email/deletion_asked", user.email, context, request)
    return due


def keep(user: User, request: HttpRequest | None = None) -> bool:
    """Undo the deletion; return whether there was one. Ended sessions and grants stay ended."""
    waiting = User.objects.filter(pk=user.pk, deletion_due_at__gt=timezone.now())
    with transaction.atomic():
        if not waiting.update(is_active=True, deletion_due_at=None):
            return False
        # A sign-in that raced with the deletion does not become valid again.
        end_sessions(user.sessions.filter(ended_at=None), Ending.DELETION_ASKED)
        user.is_active, user.deletion_due_at = True, None
        deletion_undone.send(sender=User, request=request, user=user)
        mails.send("account/email/deletion_undone", user.email, {}, request)
    return True


def due(now: datetime) -> QuerySet[User]:
    """Return the accounts that are to be deleted now."""
    return User.objects.filter(is_active=False, deletion_due_at__lte=now)


def delete(user: User) -> bool:
    """Delete an account and its rows; return False if the user kept it in the meantime.

    Deletes in batches. It is due from the first batch on and cannot be kept any more.
    """
    now = timezone.now()
    waiting = User.objects.filter(pk=user.pk, is_active=False, deletion_due_at__isnull=False)
    waiting.filter(deletion_due_at__gt=now).update(deletion_due_at=now)
    if not waiting.exists():
        return False
    end_in_batches(user.sessions.all(), Ending.ACCOUNT_DELETED)
    mail.discard(user.email)
    delete_in_batches(user)
    profile_pictures.delete_file(user.uploaded_picture)
    return True


def is_last_superuser(user: User) -> bool:
    """Whether this is the only active superuser."""
    others = User.objects.filter(is_superuser=True, is_active=True).exclude(pk=user.pk)
    return user.is_superuser and not others.exists()
