"""The page for the first passkey of an account that signed up without a password."""

from contextlib import suppress

from django.conf import settings
from django.db import IntegrityError
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from accounts import passkeys, passwords
from accounts.allauth_door import factors, sign_ins
from accounts.factor_forms import NewPasskeyForm
from accounts.forms import NewPasswordForm
from accounts.next import with_next
from accounts.stages import FirstPasskeyStage
from accounts.views.passkeys import wants_challenge
from accounts.views.steps import begin_anew, nothing_to_do


@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
def first_passkey(request: HttpRequest) -> HttpResponse:
    """Ask for the passkey, or for a password where none can be made; then finish signing in."""
    stage = FirstPasskeyStage.at(request)
    if stage is None:
        return nothing_to_do(request)
    if not stage.is_still_valid():
        return begin_anew(request, stage)
    user = stage.login.user
    if wants_challenge(request):
        return JsonResponse(passkeys.creation_options(request, user))
    may_choose = "password" in settings.IDP_SIGNUP_METHODS
    if may_choose and "password1" in request.POST:
        return _with_password(request, stage)
    if request.method == "POST":
        form = NewPasskeyForm(request.POST, request=request, user=user)
        if form.is_valid():
            return _with_passkey(request, stage, form)
    else:
        form = NewPasskeyForm(request=request, user=user)
    return _page(request, stage, form, NewPasswordForm(user=user) if may_choose else None)


def _with_passkey(
    request: HttpRequest, stage: FirstPasskeyStage, form: NewPasskeyForm
) -> HttpResponse:
    """Save the passkey, finish signing in with it, and show the recovery codes on the way."""
    passkey = form.authenticator
    factors.add_passkey(request, passkey)
    factors.record_use(request, passkey, passwordless=True)
    response = stage.go_on(request)
    if request.user.is_authenticated:
        with suppress(IntegrityError):  # Another tab has made them at the same time.
            factors.make_first_recovery_codes(request)
        response["Location"] = with_next(reverse("mfa_view_recovery_codes"), request)
    return response


def _with_password(request: HttpRequest, stage: FirstPasskeyStage) -> HttpResponse:
    """Set the password that was chosen instead, and finish signing in with it."""
    user = stage.login.user
    form = NewPasswordForm(request.POST, user=user)
    if not form.is_valid():
        return _page(request, stage, NewPasskeyForm(request=request, user=user), form)
    if not passwords.replace(user, form.cleaned_data["password1"]):
        return begin_anew(request, stage)
    sign_ins.record_password(request, user)
    stage.password_was_chosen()
    return stage.go_on(request)


def _page(
    request: HttpRequest,
    stage: FirstPasskeyStage,
    form: NewPasskeyForm,
    password_form: NewPasswordForm | None,
) -> HttpResponse:
    context = {
        "form": form,
        "password_form": password_form,
        "email": stage.login.user.shown_email,
    }
    return render(request, "account/first_passkey.html", context)
