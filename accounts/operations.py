"""What operators can do about a person. Whoever calls records who did it, and why."""

from django.db import transaction
from django.utils import timezone

from accounts import code_limits, known_browsers, password_limits
from accounts.allauth_door import mails
from accounts.models import Session, User
from accounts.sessions import Ending, end_in_batches, end_sessions


def disable(user: User) -> None:
    """Close an account: nobody signs in to it, and whoever is in it is out at once."""
    with transaction.atomic():
        user.is_active = False
        user.save(update_fields=["is_active"])
        _end_all(user, Ending.ACCOUNT_DISABLED)


def enable(user: User) -> None:
    """Open it again. A sign-in that crossed with the disabling doesn't come to life by it."""
    with transaction.atomic():
        _end_all(user, Ending.ACCOUNT_DISABLED)
        user.is_active = True
        user.save(update_fields=["is_active"])


def require_new_password(user: User) -> None:
    """Let nobody in any more before they have chosen a new password (`accounts.stages`).

    That takes the present one, so where somebody else may know it, `invite` is the better way.
    """
    with transaction.atomic():
        user.password_change_required = True
        user.save(update_fields=["password_change_required"])
        _end_all(user, Ending.NEW_PASSWORD_REQUIRED)


def password_replaced(user: User) -> None:
    """Sign somebody out everywhere whose password was set for them, and tell them by mail.

    For whoever sets it, once it is saved; the mail is sent when the transaction ends.
    """
    _end_all(user, Ending.PASSWORD_CHANGED)
    transaction.on_commit(lambda: mails.send("account/email/password_replaced", user.email, {}))


def unlock(user: User) -> None:
    """Forget what strangers have tried on the account: passwords, and codes of every kind.

    A browser it does not know then needs no mailed code to sign in, and codes are taken again.
    """
    password_limits.forget(user.email)
    code_limits.forget(user.email)


def end_all_sessions(user: User) -> None:
    """Sign a person out everywhere; no browser is known to the account any more."""
    _end_all(user, Ending.OPERATOR)
    known_browsers.forget(user)


def end_session(session: Session) -> None:
    """Sign a person out of one browser."""
    end_sessions([session], Ending.OPERATOR)


def end_everybodys_sessions(ending: Ending = Ending.OPERATOR, but: Session | None = None) -> int:
    """End all sessions there are, but one if it is named; return how many."""
    begun = Session.objects.filter(created_at__lte=timezone.now())
    return end_in_batches(begun.exclude(pk=but.pk) if but else begun, ending)


def _end_all(user: User, ending: Ending) -> None:
    end_sessions(user.sessions.filter(ended_at=None), ending)
