"""Where somebody who has to choose a new password does so, as the last step of signing in."""

from allauth.account.adapter import get_adapter
from allauth.account.signals import password_changed
from allauth.account.stages import LoginStageController
from allauth.account.utils import get_next_redirect_url
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from accounts import passwords
from accounts.forms import NewPasswordForm
from accounts.models import User
from accounts.stages import NewPasswordStage
from accounts.views.steps import begin_anew, nothing_to_do


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def choose_password(http: HttpRequest) -> HttpResponse:
    """Ask for the new password, then let the person in and go on to this tab's `next`."""
    stage = LoginStageController.enter(http, NewPasswordStage.key)
    if stage is None:
        return nothing_to_do(http)
    if not stage.still_stands():
        return begin_anew(http, stage)
    user = stage.login.user
    form = NewPasswordForm(http.POST if http.method == "POST" else None, user=user)
    if not form.is_valid():
        return render(
            http, "account/choose_password.html", {"form": form, "email": user.shown_email}
        )
    if not passwords.replace(user, form.cleaned_data["password1"]):
        return begin_anew(http, stage)
    password_changed.send(sender=User, request=http, user=user)
    get_adapter().send_notification_mail("account/email/password_reset", user)
    stage.login.redirect_url = get_next_redirect_url(http)
    answer: HttpResponse = stage.exit()
    return answer
