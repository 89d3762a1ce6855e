"""The pages of authenticator apps: listing them, setting one up, removing one."""

from typing import Any

from django.contrib.auth.decorators import login_required
from django.db import IntegrityError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.views.decorators.http import require_http_methods, require_safe
from django.views.generic import FormView

from accounts import app_secrets, second_factor
from accounts.allauth_door import factors, pages, sign_ins
from accounts.factor_forms import SetUpAppForm
from accounts.models import User
from accounts.next import with_next
from accounts.sessions import add_step
from accounts.views.recent_authentication import recent_authentication_required
from accounts.views.recovery_codes import grouped
from accounts.views.stale_form import show_step_again


@require_safe
@login_required
def show_apps(request: HttpRequest) -> HttpResponse:
    """List the user's authenticator apps."""
    apps = [(app, factors.name_of(app)) for app in second_factor.apps_of(request.user)]
    room = len(apps) < second_factor.MOST_APPS
    return render(request, "mfa/totp/list.html", {"apps": apps, "has_room": room})


@method_decorator(recent_authentication_required, name="dispatch")
@method_decorator(pages.may_set_up_a_factor, name="dispatch")
class SetUpAppView(FormView):  # type: ignore[type-arg]
    """Shows a new secret and asks for the first code of the app."""

    template_name = "mfa/totp/activate_form.html"
    form_class = SetUpAppForm

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Show the page with a secret that no app has yet."""
        if second_factor.has_app_with(request.user, app_secrets.new_secret(request)):
            app_secrets.forget_new_secret(request)
        return super().get(request, *args, **kwargs)

    def get_form_kwargs(self) -> dict[str, Any]:
        """Pass the user and the secret to the form."""
        secret = app_secrets.new_secret(self.request)
        return {**super().get_form_kwargs(), "user": self.request.user, "secret": secret}

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add the secret as an address, as its QR code, and in groups for reading."""
        context = super().get_context_data(**kwargs)
        secret = context["form"].secret
        address = factors.app_address(self.request.user, secret)  # type: ignore[arg-type]
        return {
            **context,
            "secret": grouped(secret),
            "address": address,
            "qr_code": factors.qr_code(address),
            "is_first": not second_factor.has_app(self.request.user),
        }

    def form_valid(self, form: SetUpAppForm) -> HttpResponse:
        """Set the app up: this session has a second factor from now on, and the code is used up."""
        try:
            app = second_factor.set_up_app(
                self.request, form.secret, form.cleaned_data["name"], form.step
            )
        except IntegrityError:  # Another tab has made recovery codes at the same time.
            return show_step_again(self.request)
        if app is not None:  # Otherwise the button was pressed twice.
            factors.record_use(self.request, app)
            add_step(self.request)
        if second_factor.has_codes_to_save(self.request.user):
            return redirect(with_next(reverse("mfa_view_recovery_codes"), self.request))
        return redirect(sign_ins.next_page(self.request) or reverse("account_authenticator_apps"))


@require_http_methods(["GET", "HEAD", "POST"])
@recent_authentication_required
def remove_app(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask whether to remove an app of the user's own, and remove it."""
    user: User = request.user  # type: ignore[assignment]
    app = second_factor.apps_of(user).filter(pk=pk).first()
    if app is None:  # It is removed already.
        return redirect("account_authenticator_apps")
    if request.method == "POST":
        factors.remove_app(request, app)
        return redirect("account_authenticator_apps")
    others = second_factor.apps_of(user).exclude(pk=pk).exists()
    context = {
        "name": factors.name_of(app),
        "last_second_step": not others and not second_factor.has_passkey(user),
        "last_way_in": False,
    }
    return render(request, "mfa/totp/deactivate_form.html", context)
