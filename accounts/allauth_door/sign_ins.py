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


def check_password(http: HttpRequest, email: str, password: str) -> User | None:
    """Return the user whose address and password these are, or None, in the same time."""
    user = get_adapter().authenticate(http, email=email, password=password)
    return user if isinstance(user, User) else None


def wrong_password() -> ValidationError:
    """Return what a form says about a wrong address or password."""
    problem: ValidationError = get_adapter().validation_error("email_password_mismatch")
    return problem


def begin(http: HttpRequest, user: User) -> HttpResponse:
    """Sign in a user who has proven who they are, unless a step asks for more."""
    login = Login(user=user, redirect_url=next_page(http))
    response: HttpResponse = perform_login(http, login)
    return response


def begin_with_new_password(http: HttpRequest, user: User) -> HttpResponse:
    """Sign in a user who has set a password by a mail; they and listeners are told of it."""
    response: HttpResponse = finalize_password_reset(http, user, email=user.email)
    return response


def password_was_changed(http: HttpRequest, user: User) -> None:
    """Tell listeners that a user has chosen another password."""
    signals.password_changed.send(sender=User, request=http, user=user)


def records_of(http: HttpRequest, user: Any) -> list[dict[str, Any]]:
    """Return what a user has proven in this browser session: `{"method": …, "at": …}` each."""
    records: list[dict[str, Any]] = get_authentication_records(http, user)
    return records


def record_password(http: HttpRequest, user: User) -> None:
    """Record that a user has proven to know their password."""
    record_authentication(http, user, method="password")


def next_page(http: HttpRequest) -> str | None:
    """Return the `next` of a request, if it is an address of ours."""
    page: str | None = get_next_redirect_url(http)
    return page


def next_page_or_home(http: HttpRequest) -> str:
    """Return the `next` of a request, or the page that signing in leads to without one."""
    page: str = get_login_redirect_url(http)
    return page
