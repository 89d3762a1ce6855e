"""Pending codes of a browser session: for a new password and for a new account's address."""

from collections.abc import Callable
from typing import Any

from allauth.account.internal.flows.email_verification_by_code import EmailVerificationProcess
from allauth.account.internal.flows.password_reset_by_code import PasswordResetVerificationProcess
from django.http import HttpRequest

from accounts.models import User

_NOTED = "accounts_began_with"


def begin(request: HttpRequest, user: User | None, email: str, noted: Any) -> None:
    """Mail a code for a new password, and store a value that `forget_unless` compares.

    Without a user no mail is sent, and every code is wrong.
    """
    process = PasswordResetVerificationProcess.initiate(request=request, user=user, email=email)
    if user is not None:
        process.state[_NOTED] = noted
        process.persist()


def forget_unless(request: HttpRequest, noted_of: Callable[[User], Any]) -> None:
    """Forget the code for a new password unless this value was stored when it was mailed."""
    process = PasswordResetVerificationProcess.resume(request)
    if process is None or process.user is None:
        return
    if process.state.get(_NOTED) != noted_of(process.user):
        process.abort()


def is_waiting(request: HttpRequest) -> bool:
    """Whether this browser waits for the code for a new password."""
    return PasswordResetVerificationProcess.resume(request) is not None


def is_verifying(request: HttpRequest) -> bool:
    """Whether this browser waits for the code that verifies an address."""
    return EmailVerificationProcess.resume(request) is not None
