"""Signing in once more before something that matters. ASVS 7.5.1, docs/adr/0002."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts.next import next_of
from accounts.second_factor import is_recent

View = Callable[..., HttpResponseBase]


@require_safe
@never_cache
def sign_in_again(request: HttpRequest) -> HttpResponse:
    """Go on to the sign-in page, which leads to `next`. allauth sends people here."""
    return redirect(sign_in_page(next_of(request)))


def recent_authentication_required(view: View) -> View:
    """Let people through who signed in lately, with their second factor if they have one.

    The others sign in first and come back to the page; nothing of a form they sent is kept.
    """

    @never_cache
    @wraps(view)
    def gate(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if is_recent(request):
            return view(request, *args, **kwargs)
        return redirect(sign_in_page(request.get_full_path()))

    return gate


def sign_in_page(target: str) -> str:
    """Return the address of the sign-in page that renews a sign-in and then leads to `target`."""
    return reverse("account_login", query={"fresh": "1", **({"next": target} if target else {})})
