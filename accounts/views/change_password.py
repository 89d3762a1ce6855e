"""The page where signed-in users change their password. ASVS 6.2.2, 6.2.3."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from accounts import known_browsers, passwords
from accounts.allauth_door import sign_ins
from accounts.forms import ChangePasswordForm
from accounts.sessions import session_of
from accounts.upstream import connected
from accounts.upstream.directory.passwords import home_of
from accounts.views.recent_authentication import recent_authentication_required
from accounts.views.too_many import refuses_beyond_limits


@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
@recent_authentication_required
@refuses_beyond_limits
def change_password(request: HttpRequest) -> HttpResponse:
    """Ask for the present and a new password. All other sessions of the user end.

    Users whose password a directory has are told where to change it.
    """
    session = session_of(request)
    if session is None:  # It ended since the decorator looked.
        return redirect("account_login")
    user = session.user
    if (home := home_of(user)) is not None:
        return render(request, "account/password_elsewhere.html", {"home": home})
    form = ChangePasswordForm(
        request.POST if request.method == "POST" else None, request=request, user=user
    )
    if not form.is_valid():
        context = {"form": form, "accounts": connected.names_of(user)}
        return render(request, "account/change_password.html", context)
    if not passwords.change(request, user, form.cleaned_data["password1"], session):
        return redirect("account_change_password")  # Another request was first.
    sign_ins.password_was_changed(request, user)
    messages.success(
        request, _("Your password is changed. You are signed out everywhere but here.")
    )
    response = redirect("mfa_index")
    known_browsers.remember(request, response, user)
    return response
