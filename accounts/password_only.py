"""Sign in by password alone, for the password grant. NIST SP 800-63B-4 §3.2.2.

The result is a session like any other, but without a browser.
"""

from django.http import HttpRequest

from accounts import password_limits, terms
from accounts.addresses import normalised_email
from accounts.allauth_door import email_addresses, sign_ins
from accounts.models import User
from accounts.password_limits import PasswordAttempt
from accounts.second_factor import is_set_up
from accounts.visitors import app_at


def begin(request: HttpRequest, email: str) -> PasswordAttempt:
    """Count a password that a client sent, right or wrong. Raises RateLimitExceededError.

    If it suffices, `password_limits.succeeded` undoes the count: the count reveals nothing.
    """
    return password_limits.begin_grant(app_at(request, email))


def user_of(request: HttpRequest, email: str, password: str) -> User | None:
    """Return the user with this address and password, or None, in constant time."""
    return sign_ins.check_password(request, normalised_email(email), password)


def what_else_is_needed(user: User) -> str | None:
    """Return why a password is not enough for this account, or None."""
    if not user.is_active:
        return "The account is disabled."
    if is_set_up(user):
        return "The account has a second factor."
    if user.password_change_required:
        return "The user has to choose a new password."
    if terms.has_to_accept(user) is not None:
        return "The user has to accept the terms of service."
    if not email_addresses.has_verified(user):
        return "The email address is not verified."
    return None
