"""The page "Sign-in and security": what protects the account, with links to the pages of each."""

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from accounts import passkeys, trusted_browsers
from accounts.allauth_door import factors
from accounts.check_up import security_of
from accounts.models import User
from accounts.upstream import connected, ways


@require_safe
@login_required
def security(request: HttpRequest) -> HttpResponse:
    """Show what protects the account."""
    user: User = request.user  # type: ignore[assignment]
    protects = security_of(user)
    context = {
        "security": protects,
        "apps": [factors.name_of(app) for app in protects.apps],
        "browsers": len(trusted_browsers.trusted_by(user)),
        "trust_is_offered": trusted_browsers.is_offered(),
        "accounts": connected.names_of(user),
        "may_connect": bool(ways.enabled(ways.Offer())),
        "signals": passkeys.signals_for(user),
    }
    return render(request, "mfa/index.html", context)
