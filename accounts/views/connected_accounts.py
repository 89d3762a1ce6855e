"""The page of connected accounts: those at identity providers that sign the user in here."""

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_safe

from accounts.models import User
from accounts.upstream import connected
from accounts.views.recent_authentication import recent_authentication_required


@require_safe
@login_required
def show_connected_accounts(request: HttpRequest) -> HttpResponse:
    """List the user's connected accounts, and where they may connect another."""
    user: User = request.user  # type: ignore[assignment]
    accounts = connected.of(user)
    context = {"accounts": accounts, "connectable": connected.connectable(accounts)}
    return render(request, "account/connected_accounts.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@recent_authentication_required
def disconnect_account(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask whether to disconnect an account of the user's own, and disconnect it."""
    user: User = request.user  # type: ignore[assignment]
    found = next((account for account in connected.of(user) if account.pk == pk), None)
    if found is None:  # It is disconnected already.
        return redirect("account_connected_accounts")
    if request.method == "POST":
        try:
            connected.disconnect(request, user, pk)
        except connected.LastWayInError:
            return redirect("account_disconnect", pk=pk)
        said = _("%(name)s doesn’t sign you in any more.") % {"name": found.upstream}
        messages.success(request, said)
        return redirect("account_connected_accounts")
    context = {"account": found, "last_way_in": connected.is_last_way_in(user, pk)}
    return render(request, "account/disconnect.html", context)
