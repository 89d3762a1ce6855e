"""Where somebody who has to choose a new password does so, as the last step of signing in."""

from allauth.account.adapter import get_adapter
from allauth.account.signals import password_changed
from allauth.account.stages import LoginStageController
from allauth.account.utils import get_next_redirect_url
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from accounts import passwords
from accounts.forms import NewPasswordForm
from accounts.models import User
from accounts.next import with_next
from accounts.stages import NewPasswordStage


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
def choose_password(http: HttpRequest) -> HttpResponse:
    """Ask for the new password, then let the person in and go on to this tab's `next`."""
    stage = LoginStageController.enter(http, NewPasswordStage.key)
    if stage is None:
        return _nothing_to_choose(http)
    if not stage.still_stands():
        return _begin_anew(http, stage)
    user = stage.login.user
    form = NewPasswordForm(http.POST if http.method == "POST" else None, user=user)
    if not form.is_valid():
        return render(http, "account/choose_password.html", {"form": form, "email": user.email})
    if not passwords.replace(user, form.cleaned_data["password1"]):
        return _begin_anew(http, stage)
    password_changed.send(sender=User, request=http, user=user)
    get_adapter().send_notification_mail("account/email/password_reset", user)
    stage.login.redirect_url = get_next_redirect_url(http)
    answer: HttpResponse = stage.exit()
    return answer


def _nothing_to_choose(http: HttpRequest) -> HttpResponse:
    """Another tab has done it, or nobody is signing in."""
    if http.user.is_authenticated:
        return redirect(get_next_redirect_url(http) or "account_home")
    return redirect(with_next(reverse("account_login"), http))


def _begin_anew(http: HttpRequest, stage: NewPasswordStage) -> HttpResponse:
    stage.abort()
    return redirect(with_next(reverse("account_login"), http))
