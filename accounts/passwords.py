"""Passwords that users choose for themselves."""

from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.hashers import verify_password
from django.db import transaction
from django.http import HttpRequest

from accounts import operations
from accounts.allauth_door import codes, mails, resets
from accounts.models import Session, User
from accounts.sessions import Ending, end_sessions
from accounts.upstream.directory.passwords import home_of


def matches(user: User, password: str) -> bool:
    """Whether this is the user's password. Unlike `check_password`, this does not rehash."""
    return verify_password(password, user.password)[0]


def replace(
    user: User, password: str, *, keep: Session | None = None, notify: bool = False
) -> bool:
    """Set a password and end the user's sessions, except `keep`; return whether it was set.

    `notify` tells the user by mail, in the same transaction.

    Does nothing if the password was changed or the account disabled since `user` was read, so that
    a user with the old password does not overwrite the new one.
    """
    before = user.password
    user.set_password(password)
    user.password_change_required = False
    with transaction.atomic():
        replaced = User.objects.filter(pk=user.pk, password=before, is_active=True).update(
            password=user.password,
            password_changed_at=user.password_changed_at,
            password_change_required=False,
        )
        if replaced:
            if notify:
                mails.notify(user, "account/email/password_reset")
            others = user.sessions.filter(ended_at=None).exclude(pk=keep and keep.pk)
            end_sessions(others, Ending.PASSWORD_CHANGED)
    if replaced:
        operations.unlock(user)  # Earlier attempts do not help to guess the new password.
    return bool(replaced)


def change(request: HttpRequest, user: User, password: str, session: Session) -> bool:
    """Set a password and end all sessions but this browser's; return whether it was set."""
    changed = replace(user, password, keep=session, notify=True)
    if changed:
        update_session_auth_hash(request, user)
    return changed


def begin_reset(request: HttpRequest, user: User | None, email: str) -> None:
    """Mail a code for a new password, if there is a user to set it for.

    A user whose password a directory has gets a mail that says so; no code is right.
    """
    home = home_of(user) if user is not None else None
    if user is not None and home is not None:
        resets.begin(request, None, email, None)
        context = {"name": home.name, "page": home.page}
        mails.send("account/email/password_elsewhere", email, context, request)
        return
    resets.begin(request, user, email, None if user is None else _credentials(user))
    if user is None:
        code = codes.new_code()
        context = {"code": code}
        mails.pretend_to_send("account/email/password_reset_code", email, context, request)


def forget_stale_reset(request: HttpRequest) -> None:
    """Forget a reset that began before the account's password or address changed.

    Or before a directory has got its password.

    allauth checks the code alone, which may have been mailed to an old address.
    """
    resets.forget_unless(request, _credentials)


def _credentials(user: User) -> list[str]:
    home = home_of(user)
    return [user.email, user.get_session_auth_hash(), home.name if home else ""]
