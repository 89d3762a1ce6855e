"""The pages of the second factor: its step when signing in, setting it up, turning it off."""

from typing import Any

from django.contrib.auth.decorators import login_required
from django.db import IntegrityError
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe
from django.views.generic import FormView

from accounts import code_limits
from accounts.allauth_door import factors, pages, sign_ins
from accounts.app_secrets import forget_new_secret, new_secret
from accounts.forms import PasskeyForm, SecondFactorForm, SetUpAppForm
from accounts.models import User
from accounts.next import with_next
from accounts.passkeys import passkeys_of
from accounts.second_factor import has_app, has_passkey, is_set_up, recovery_codes_left
from accounts.sessions import add_step
from accounts.stages import SecondFactorStage
from accounts.views.passkeys import challenge, wants_challenge
from accounts.views.recent_authentication import recent_authentication_required
from accounts.views.stale_form import show_step_again


class _AsksForSecondFactor(FormView):  # type: ignore[type-arg]
    """Takes a code of the user's app, a recovery code, or a passkey of theirs."""

    form_class = SecondFactorForm

    def factor_owner(self) -> User:
        """Return the user whose factor is asked for."""
        raise NotImplementedError

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Show the page, or give its script a challenge."""
        if wants_challenge(request):
            return challenge(request, self.factor_owner())
        return super().get(request, *args, **kwargs)

    def get_form(self, form_class: Any = None) -> SecondFactorForm | PasskeyForm:
        """Return the form that was sent."""
        if "credential" in self.request.POST:
            return PasskeyForm(self.request.POST, request=self.request, user=self.factor_owner())
        return super().get_form(form_class)  # type: ignore[no-any-return]

    def get_form_kwargs(self) -> dict[str, Any]:
        """Pass the user to the form."""
        return {**super().get_form_kwargs(), "request": self.request, "user": self.factor_owner()}

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add the user and their factors."""
        user = self.factor_owner()
        context = super().get_context_data(email=user.shown_email, **kwargs)
        form = context["form"]
        code_form = (
            form if "code" in form.fields else SecondFactorForm(request=self.request, user=user)
        )
        asks_for_app = has_app(user)
        if not asks_for_app:
            code_form.fields["code"].label = _("Recovery code")
        return {
            **context,
            "code_form": code_form,
            "has_app": asks_for_app,
            "has_passkey": has_passkey(user),
        }


class CodeView(_AsksForSecondFactor):
    """Asks for the second factor after the password.

    Unlike allauth's, this view also takes signed-in users who sign in once more; and each tab goes
    on to its own `next`, whichever tab began the sign-in that the browser session holds.
    """

    template_name = "mfa/authenticate.html"
    stage: SecondFactorStage

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Show the step, or go on if no factor is needed."""
        stage = SecondFactorStage.at(request)
        if stage is None and request.user.is_authenticated:
            return redirect(sign_ins.next_page_or_home(request))
        if stage is None or not stage.is_still_valid():
            return redirect(with_next(reverse("account_login"), request))
        self.stage = stage
        return super().dispatch(request, *args, **kwargs)

    def factor_owner(self) -> User:
        """Return the user who is signing in."""
        return self.stage.login.user  # type: ignore[no-any-return]

    def form_valid(self, form: SecondFactorForm | PasskeyForm) -> HttpResponse:
        """Go on signing in."""
        form.save()
        return self.stage.go_on(self.request)


class StepUpView(_AsksForSecondFactor):
    """Asks a signed-in user for their second factor, where a client requires a higher level.

    It adds the factor to the session. `next` judges whether that is enough, so opening, changing or
    leaving this page's address grants nothing.
    """

    template_name = "mfa/step_up.html"

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Show the page to users who have a factor to add."""
        if not request.user.is_authenticated:
            return redirect(with_next(reverse("account_login"), request))
        if not is_set_up(request.user):
            return redirect(_onward(request))
        return super().dispatch(request, *args, **kwargs)

    def factor_owner(self) -> User:
        """Return the signed-in user."""
        return self.request.user  # type: ignore[return-value]

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add whether only a passkey suffices."""
        return super().get_context_data(passkey_only="passkey" in self.request.GET, **kwargs)

    def form_valid(self, form: SecondFactorForm | PasskeyForm) -> HttpResponse:
        """Add it to the session and go on."""
        form.save()
        add_step(self.request)
        return redirect(_onward(self.request))


@require_safe
@login_required
def overview(request: HttpRequest) -> HttpResponse:
    """Show whether there is a second factor, and the ways to change that."""
    codes = {"left": recovery_codes_left(request.user), "of": factors.RECOVERY_CODE_COUNT}
    return render(
        request,
        "mfa/index.html",
        {
            "authenticator": factors.of(request.user).filter(type=factors.APP).first(),
            "codes": codes,
            "passkeys": passkeys_of(request.user),  # type: ignore[arg-type]
        },
    )


@method_decorator(recent_authentication_required, name="dispatch")
class SetUpAppView(pages.SetUpAppPage):
    """Shows a new secret and asks for the first code of the app."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Go on if it is done already, in another tab or by a second press of the button."""
        if not has_app(request.user):
            response: HttpResponseBase = super().dispatch(request, *args, **kwargs)
            return response
        if request.method == "POST":
            return self._to_recovery_codes()
        return redirect(_onward(request))

    def get_form_kwargs(self) -> dict[str, Any]:
        """Pass the secret to the form."""
        return {**super().get_form_kwargs(), "secret": new_secret(self.request)}

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Group the secret for reading."""
        context: dict[str, Any] = super().get_context_data(**kwargs)
        context["secret"] = _grouped(context["form"].secret)
        return context

    def form_valid(self, form: SetUpAppForm) -> HttpResponse:
        """Set the app up: this session has a second factor from now on, and the code is used up."""
        try:
            app = factors.set_up_app(self.request, form.secret)
        except IntegrityError:
            if has_app(self.request.user):  # The button was pressed twice.
                return self._to_recovery_codes()
            # Another tab has made recovery codes at the same time, and nothing was done here.
            return show_step_again(self.request)
        forget_new_secret(self.request)
        code_limits.is_first_use(app.user, form.cleaned_data["code"])
        factors.record_use(self.request, app)
        add_step(self.request)
        return self._to_recovery_codes()

    def _to_recovery_codes(self) -> HttpResponse:
        return redirect(with_next(reverse("mfa_view_recovery_codes"), self.request))


class _ForUsersWithOne:
    """Redirects users without a second factor to the overview."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Show the page to users to whom it applies."""
        if not is_set_up(request.user):
            return redirect("mfa_index")
        return super().dispatch(request, *args, **kwargs)  # type: ignore[misc, no-any-return]


@method_decorator(recent_authentication_required, name="dispatch")
class TurnOffView(_ForUsersWithOne, pages.RemoveAppPage):
    """Removes the authenticator app, and with the last second factor the recovery codes."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Show the page to users who have an app."""
        if not has_app(request.user):
            return redirect("mfa_index")
        return super().dispatch(request, *args, **kwargs)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add whether a second step is left without it."""
        return super().get_context_data(has_passkey=has_passkey(self.request.user), **kwargs)  # type: ignore[no-any-return]


@method_decorator(recent_authentication_required, name="dispatch")
class RecoveryCodesView(_ForUsersWithOne, pages.RecoveryCodesPage):
    """Shows the recovery codes, once."""

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add the codes in groups, and the user's `next`."""
        context: dict[str, Any] = super().get_context_data(**kwargs)
        context["unused_codes"] = [_grouped(code) for code in context["unused_codes"]]
        context["onward"] = _onward(self.request)
        return context


@method_decorator(recent_authentication_required, name="dispatch")
class NewRecoveryCodesView(_ForUsersWithOne, pages.NewRecoveryCodesPage):
    """Makes new recovery codes; the old ones stop working."""


def _onward(request: HttpRequest) -> str:
    return sign_ins.next_page(request) or reverse("mfa_index")


def _grouped(characters: str) -> str:
    """Return the codes in groups of four, for reading and typing."""
    return " ".join(characters[at : at + 4] for at in range(0, len(characters), 4))
