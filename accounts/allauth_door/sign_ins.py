"""Signing in: passwords, what has been proven so far, and where it goes on."""

from typing import Any

from allauth.account import signals
from allauth.account.adapter import get_adapter
from allauth.account.authentication import get_authentication_records
from allauth.account.internal.flows.login import perform_login, record_authentication
from allauth.account.internal.flows.password_reset import finalize_password_reset
from allauth.account.models import Login
from allauth.account.utils import get_login_redirect_url, get_next_redirect_url
from django.core.exceptions import ValidationError
from django.http import HttpRequest, HttpResponse

from accounts.models import User


def check_password(request: HttpRequest, email: str, password: str) -> User | None:
    """Return the user whose address and password these are, or None, in the same time."""
    user = get_adapter().authenticate(request, email=email, password=password)
    return user if isinstance(user, User) else None


def wrong_password() -> ValidationError:
    """Return what a form says about a wrong address or password."""
    problem: ValidationError = get_adapter().validation_error("email_password_mismatch")
    return problem


def begin(request: HttpRequest, user: User) -> HttpResponse:
    """Sign in a user who has proven who they are, unless a step asks for more."""
    login = Login(user=user, redirect_url=next_page(request))
    response: HttpResponse = perform_login(request, login)
    return response


def begin_with_new_password(request: HttpRequest, user: User) -> HttpResponse:
    """Sign in a user who has set a password by a mail; they and listeners are told of it."""
    response: HttpResponse = finalize_password_reset(request, user, email=user.email)
    return response


def password_was_changed(request: HttpRequest, user: User) -> None:
    """Tell listeners that a user has chosen another password."""
    signals.password_changed.send(sender=User, request=request, user=user)


def records_of(request: HttpRequest, user: Any) -> list[dict[str, Any]]:
    """Return what a user has proven in this browser session: `{"method": …, "at": …}` each."""
    records: list[dict[str, Any]] = get_authentication_records(request, user)
    return records


def record_password(request: HttpRequest, user: User) -> None:
    """Record that a user has proven to know their password."""
    record_authentication(request, user, method="password")


def next_page(request: HttpRequest) -> str | None:
    """Return the `next` of a request, if it is an address of ours."""
    page: str | None = get_next_redirect_url(request)
    return page


def next_page_or_home(request: HttpRequest) -> str:
    """Return the `next` of a request, or the page that signing in leads to without one."""
    page: str = get_login_redirect_url(request)
    return page
