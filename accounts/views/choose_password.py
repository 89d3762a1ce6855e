"""The page for a required new password, the last step of signing in."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from accounts import passwords
from accounts.allauth_door import sign_ins
from accounts.forms import NewPasswordForm
from accounts.stages import NewPasswordStage
from accounts.views.steps import begin_anew, nothing_to_do


@require_http_methods(["GET", "HEAD", "POST"])
def choose_password(request: HttpRequest) -> HttpResponse:
    """Ask for the new password, then finish signing in and go on to this tab's `next`."""
    stage = NewPasswordStage.at(request)
    if stage is None:
        return nothing_to_do(request)
    if not stage.is_still_valid():
        return begin_anew(request, stage)
    user = stage.login.user
    form = NewPasswordForm(request.POST if request.method == "POST" else None, user=user)
    if not form.is_valid():
        return render(
            request, "account/choose_password.html", {"form": form, "email": user.shown_email}
        )
    if not passwords.replace(user, form.cleaned_data["password1"], notify=True):
        return begin_anew(request, stage)
    sign_ins.password_was_changed(request, user)
    return stage.go_on(request)
