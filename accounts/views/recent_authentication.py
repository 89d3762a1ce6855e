"""Sign in again before a sensitive page. ASVS 7.5.1, docs/adr/0002."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.http import require_safe

from accounts.authentication import signed_in_recently
from accounts.levels import MULTI_FACTOR
from accounts.next import next_of
from accounts.second_factor import is_recent, step_up_address

View = Callable[..., HttpResponseBase]


@require_safe
def sign_in_again(request: HttpRequest) -> HttpResponse:
    """Redirect to the sign-in page, then to `next`. allauth redirects users here."""
    return redirect(sign_in_page(next_of(request)))


def recent_authentication_required(view: View) -> View:
    """Require a recent authentication, with the second factor if the user has one.

    Other users sign in first and return to the page; a form that they sent is discarded.
    """

    @wraps(view)
    def gate(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if is_recent(request):
            return view(request, *args, **kwargs)
        return redirect(way_to_recent_authentication(request, request.get_full_path()))

    return gate


def way_to_recent_authentication(request: HttpRequest, target: str) -> str:
    """Return the page that makes the authentication a recent one, then leads to `target`.

    Users who signed in recently without their second factor are asked for it alone.
    """
    if signed_in_recently(request):
        return step_up_address(MULTI_FACTOR, target)
    return sign_in_page(target)


def sign_in_page(target: str) -> str:
    """Return the address of the sign-in page that renews a sign-in and then leads to `target`."""
    return reverse("account_login", query={"fresh": "1", **({"next": target} if target else {})})
