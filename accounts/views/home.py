"""The account's first page, and the page after signing out."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe


@require_safe
@never_cache
@login_required
def home(http: HttpRequest) -> HttpResponse:
    """Show who is signed in, and the way out."""
    return render(http, "account/home.html")


@require_safe
@never_cache
def signed_out(http: HttpRequest) -> HttpResponse:
    """Say that signing out worked; whoever is signed in again meanwhile sees their account."""
    if http.user.is_authenticated:
        return redirect("account_home")
    return render(http, "account/signed_out.html")
