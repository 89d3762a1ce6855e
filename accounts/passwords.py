"""A password that its owner chooses in place of the one before."""

from django.db import transaction

from accounts.models import User
from accounts.sessions import Ending, end_sessions


def replace(user: User, password: str) -> bool:
    """Set a password and end every session that began with another; return whether that was done.

    Nothing is done where a different one was set, or the account disabled, since `user` was read:
    whoever was let in by the old password doesn't overwrite the new one.
    """
    before = user.password
    user.set_password(password)
    user.password_change_required = False
    with transaction.atomic():
        replaced = User.objects.filter(pk=user.pk, password=before, is_active=True).update(
            password=user.password, password_change_required=False
        )
        if replaced:
            end_sessions(user.sessions.filter(ended_at=None), Ending.PASSWORD_CHANGED)
    return bool(replaced)
