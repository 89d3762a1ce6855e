"""Admin actions on a user. The calling code records the actor and the reason."""

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from accounts import code_limits, known_browsers, password_limits
from accounts.allauth_door import mails
from accounts.models import Session, User
from accounts.sessions import Ending, end_in_batches, end_sessions


def disable(user: User) -> None:
    """Disable an account: sign-ins are refused, and its sessions end at once."""
    with transaction.atomic():
        user.is_active = False
        user.save(update_fields=["is_active"])
        _end_all(user, Ending.ACCOUNT_DISABLED)


def enable(user: User) -> None:
    """Enable an account again. A sign-in that raced with the disabling stays invalid."""
    with transaction.atomic():
        _end_all(user, Ending.ACCOUNT_DISABLED)
        user.is_active = True
        user.save(update_fields=["is_active"])


def require_new_password(user: User) -> None:
    """Require a new password at the next sign-in (`accounts.stages`).

    The sign-in takes the present password, so if another user may know it, `invite` is better.
    """
    with transaction.atomic():
        user.password_change_required = True
        user.save(update_fields=["password_change_required"])
        _end_all(user, Ending.NEW_PASSWORD_REQUIRED)


def require_no_new_password(user: User) -> None:
    """Require no new password any more."""
    user.password_change_required = False
    user.save(update_fields=["password_change_required"])


def password_replaced(user: User) -> None:
    """End all sessions of a user whose password was set for them, and notify them by mail.

    Call it in the transaction that saves the password.
    """
    with transaction.atomic():
        _end_all(user, Ending.PASSWORD_CHANGED)
        mails.send("account/email/password_replaced", user.email, {})


def unlock(user: User) -> None:
    """Reset the rate limits of an account: on passwords, and on codes of every kind.

    An unknown browser then needs no mailed code to sign in, and codes are accepted again.
    """
    password_limits.forget(user.email)
    code_limits.forget(user.email)


def end_all_sessions(user: User) -> None:
    """End all sessions of a user and forget the account's known browsers."""
    _end_all(user, Ending.OPERATOR)
    known_browsers.forget(user)


def end_session(session: Session) -> None:
    """End one session of a user."""
    end_sessions([session], Ending.OPERATOR)


def end_all_users_sessions(
    ending: Ending = Ending.OPERATOR,
    *,
    of: "QuerySet[Session] | None" = None,
    but: Session | None = None,
) -> int:
    """End all users' sessions, or these, except one if it is given; return the number ended."""
    begun = (Session.objects.all() if of is None else of).filter(created_at__lte=timezone.now())
    return end_in_batches(begun.exclude(pk=but.pk) if but else begun, ending)


def _end_all(user: User, ending: Ending) -> None:
    end_sessions(user.sessions.filter(ended_at=None), ending)
