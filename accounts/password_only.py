"""Signing in with a password alone and no page to ask for more: counted as the sign-in page counts.

What comes of it is a session as any other, without a browser. NIST SP 800-63B-4 §3.2.2.
"""

from contextlib import suppress

from allauth.account.adapter import get_adapter
from allauth.account.models import EmailAddress
from django.core.exceptions import ValidationError
from django.http import HttpRequest

from accounts.models import User
from accounts.second_factor import is_set_up


class TooManyTriesError(Exception):
    """Too many wrong passwords came lately, for this account or from this network address."""

    #: Seconds after which a password is looked at again: the longest that allauth may wait.
    retry_after = 600


def person_of(http: HttpRequest, email: str, password: str) -> User | None:
    """Return whose address and password these are, or None, in the same time.

    Wrong ones are counted. Raises TooManyTriesError, also for right ones.
    """
    try:
        user = get_adapter().authenticate(http, email=email, password=password)
    except ValidationError:
        raise TooManyTriesError from None
    return user if isinstance(user, User) else None


def count_as_wrong(http: HttpRequest, email: str) -> None:
    """Count a right password that did not suffice, so that counting doesn't tell that it is."""
    with suppress(ValidationError):
        get_adapter().pre_authenticate(http, email=email)


def what_else_is_needed(user: User) -> str | None:
    """Return why a password is not enough for this account, or None."""
    if not user.is_active:
        return "The account is disabled."
    if is_set_up(user):
        return "The account has a second factor."
    if user.password_change_required:
        return "The person has to choose a new password."
    if not EmailAddress.objects.filter(user=user, verified=True).exists():
        return "The e-mail address is not verified."
    return None
