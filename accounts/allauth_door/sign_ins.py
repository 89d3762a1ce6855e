"""Signing in: passwords, the session's authentication records, and where it goes on."""

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

#: The method of records of sign-ins at an upstream; they have its slug as `provider`, `uid`, and
#: what it said: `amr`, `acr`, our `level` of these, and as `at` when the user authenticated there.
UPSTREAM = "socialaccount"


def check_password(request: HttpRequest, email: str, password: str) -> User | None:
    """Return the user with this address and password, or None, in constant time."""
    user = get_adapter().authenticate(request, email=email, password=password)
    return user if isinstance(user, User) else None


def wrong_password() -> ValidationError:
    """Return the error message for a wrong address or password."""
    problem: ValidationError = get_adapter().validation_error("email_password_mismatch")
    return problem


def begin(request: HttpRequest, user: User) -> HttpResponse:
    """Sign in an authenticated user, unless a step asks for more."""
    login = Login(user=user, redirect_url=next_page(request))
    response: HttpResponse = perform_login(request, login)
    return response


def go_through_steps(request: HttpRequest, login: Login) -> HttpResponse:
    """Take an unfinished sign-in, which may have no user, to its first step."""
    login.redirect_url = next_page(request)
    response: HttpResponse = perform_login(request, login)
    return response


def begin_with_new_password(request: HttpRequest, user: User) -> HttpResponse:
    """Sign in a user who has set a password by a mailed code; notify them and send the signal."""
    response: HttpResponse = finalize_password_reset(request, user, email=user.email)
    return response


def password_was_changed(request: HttpRequest, user: User) -> None:
    """Send the signal that a user has changed their password."""
    signals.password_changed.send(sender=User, request=request, user=user)


def records_of(request: HttpRequest, user: Any) -> list[dict[str, Any]]:
    """Return the authentication records of this browser session: `{"method": …, "at": …}` each."""
    records: list[dict[str, Any]] = get_authentication_records(request, user)
    return records


def record_password(request: HttpRequest, user: User) -> None:
    """Record that the user has authenticated by password."""
    record_authentication(request, user, method="password")


def record_mailed_code(request: HttpRequest, user: User) -> None:
    """Record that the user has authenticated by a code from their mailbox."""
    record_authentication(request, user, method="code")


def record_upstream(request: HttpRequest, user: User, slug: str, subject: str, **said: Any) -> None:
    """Record that the user has authenticated at an upstream, with what it said of that.

    `at`, in seconds since 1970, replaces the present time: a session is as old as its proof.
    """
    record_authentication(request, user, method=UPSTREAM, provider=slug, uid=subject, **said)


def begin_at_upstream(request: HttpRequest, user: User, *, is_new: bool) -> HttpResponse:
    """Sign in a user who has authenticated at an upstream, unless a step asks for more."""
    if is_new:
        signals.user_signed_up.send(sender=User, request=request, user=user)
    login = Login(user=user, redirect_url=next_page(request), signup=is_new)
    response: HttpResponse = perform_login(request, login)
    return response


def pretend_to_sign_up(request: HttpRequest, email: str) -> HttpResponse:
    """Answer as a sign-up does for an address without an account; a mail says that it has one."""
    login = Login(user=None, email=email, redirect_url=next_page(request), signup=True)
    response: HttpResponse = perform_login(request, login)
    return response


def next_page(request: HttpRequest) -> str | None:
    """Return the `next` of a request, if it is an address of ours."""
    page: str | None = get_next_redirect_url(request)
    return page


def next_page_or_home(request: HttpRequest) -> str:
    """Return the `next` of a request, or the page that signing in leads to without one."""
    page: str = get_login_redirect_url(request)
    return page
