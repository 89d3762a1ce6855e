"""The pages that ask for the second factor: the step of signing in, and stepping up."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.generic import FormView

from accounts import trusted_browsers
from accounts.allauth_door import sign_ins
from accounts.factor_forms import PasskeyForm, SecondFactorForm
from accounts.models import User
from accounts.next import with_next
from accounts.second_factor import has_app, has_passkey, is_set_up, recovery_codes_left
from accounts.sessions import add_step
from accounts.stages import SecondFactorStage
from accounts.views.passkeys import challenge, wants_challenge


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
            "codes_left": recovery_codes_left(user),
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

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add for how many days this browser can be trusted."""
        return super().get_context_data(days=settings.IDP_TRUSTED_BROWSER_DAYS, **kwargs)

    def form_valid(self, form: SecondFactorForm | PasskeyForm) -> HttpResponse:
        """Go on signing in; trust this browser if the user asks for it."""
        form.save()
        response = self.stage.go_on(self.request)
        if "trust" in self.request.POST and trusted_browsers.is_offered():
            trusted_browsers.trust(self.request, response, self.factor_owner())
        return response


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


def _onward(request: HttpRequest) -> str:
    """Return where a signed-in user goes on to."""
    return sign_ins.next_page(request) or reverse("mfa_index")
