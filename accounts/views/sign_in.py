"""Sign in, sign up and verify an address, in several tabs.

allauth keeps one unfinished sign-in per browser session. The newest tab wins. Each page keeps its
own `next`, and redirects signed-in users to it.
"""

from contextlib import suppress
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import redirect, render, resolve_url
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.functional import cached_property
from django.utils.translation import gettext as _

from accounts import code_limits, last_method, operations, passkeys, passwords
from accounts.addresses import shown_email
from accounts.allauth_door import pages
from accounts.code_limits import CodeUsedUpError
from accounts.forms import ResetPasswordForm, SignUpForm
from accounts.next import with_next
from accounts.upstream import ways
from accounts.upstream.model import Upstream
from accounts.upstream.ways import Offer
from accounts.views.stale_form import show_step_again
from accounts.views.too_many import refuses_beyond_limits
from accounts.visitors import visitor_at
from foundation import rate_limits
from foundation.rate_limits import Counted


@method_decorator(refuses_beyond_limits, name="dispatch")
class SignInView(pages.SignInPage):
    """The sign-in page.

    With `fresh` or `choose` in the query it is shown to users who are signed in, too.
    """

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Show the page, or go on if the user is signed in and that is enough."""
        if {"fresh", "choose"} & set(request.GET) and request.user.is_authenticated:
            return self.show_to_all(request, *args, **kwargs)
        return super().dispatch(request, *args, **kwargs)  # type: ignore[no-any-return]

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Sign in; an address of an upstream's domain, without a password, leads there.

        A password that was typed is judged as any: operators sign in when the upstream is down.
        """
        email = request.POST.get("login", "")
        home = None if request.POST.get("password") else ways.home_of(email, self.upstreams)
        if home is not None:
            return redirect(ways.address_at(request, home.slug, login_hint=email[:254]))
        return super().post(request, *args, **kwargs)  # type: ignore[no-any-return]

    @cached_property
    def upstreams(self) -> list[Upstream]:
        """The identity providers that can be used."""
        return ways.enabled(self.offer)

    @property
    def offer(self) -> Offer:
        """What the app that this page leads to wants it to offer."""
        return getattr(self.request, "offer", None) or Offer()

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add the way used last, the id of a refused passkey, and accounts elsewhere."""
        typed = self.request.POST.get("login", "")
        home = ways.home_of(typed, self.upstreams)
        connecting = ways.connecting(self.request)
        return {
            **super().get_context_data(**kwargs),
            "last_method": last_method.of(self.request),
            "unknown_passkey": passkeys.pop_unknown(self.request),
            "ways": ways.offered(self.request, self.upstreams),
            "has_homes": any(row.email_domains for row in self.upstreams),
            "home": next(iter(ways.offered(self.request, [home])), None) if home else None,
            "connecting": connecting,
            "own_sign_in": bool(self.offer.own or connecting or not self.upstreams),
        }


@method_decorator(refuses_beyond_limits, name="dispatch")
class SignUpView(pages.SignUpPage):
    """The sign-up page. With `create` in the query, users who are signed in are asked first."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Show the page, ask whether to create another account, or go on."""
        if "create" in request.GET and request.user.is_authenticated:
            return render(request, "account/another_account.html")
        return super().dispatch(request, *args, **kwargs)  # type: ignore[no-any-return]

    @property
    def by_passkey(self) -> bool:
        """Whether the account is to begin with a passkey instead of a password."""
        methods = settings.IDP_SIGNUP_METHODS
        return "passkey" in methods and ("password" not in methods or "passkey" in self.request.GET)

    def get_form_kwargs(self) -> dict[str, Any]:
        """Pass that to the form."""
        return {**super().get_form_kwargs(), "by_passkey": self.by_passkey}

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add the ways to begin an account, and this page's address for the other one."""
        other = reverse("account_signup", query={} if self.by_passkey else {"passkey": "1"})
        return {
            **super().get_context_data(**kwargs),
            "by_passkey": self.by_passkey,
            "has_other_way": len(settings.IDP_SIGNUP_METHODS) > 1,
            "other_way": with_next(other, self.request),
        }

    def form_valid(self, form: SignUpForm) -> HttpResponse:
        """Create the account and mail a code; show the form again if the address was just taken."""
        visitor = visitor_at(self.request, form.cleaned_data["email"])
        code_limits.count_mail(visitor, "sign-up")
        try:
            return super().form_valid(form)  # type: ignore[no-any-return]
        except IntegrityError:  # Another sign-up with this address has deleted this one's account.
            return show_step_again(self.request)


class _KeepsNext:
    """Redirects with `next` kept if a step has nothing to do (any more)."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Add `next` to a redirect within these pages that lost it."""
        response: HttpResponseBase = super().dispatch(request, *args, **kwargs)  # type: ignore[misc]
        if isinstance(response, HttpResponseRedirect) and response.url.startswith(
            reverse("account_home")
        ):
            response["Location"] = with_next(response.url, request)
        return response


class _CountsAttempts:
    """Counts each typed code before it is compared, by the code's own id."""

    mailed_to: str
    mailed_code_id: str
    seconds_left: int
    request: HttpRequest
    #: The counts for the code that is being judged.
    counted: list[Counted]

    def count_attempt(self) -> HttpResponse | None:
        """Count a typed code; return a redirect if the code is used up."""
        visitor = visitor_at(self.request, self.mailed_to)
        try:
            self.counted = code_limits.count_attempt(visitor, self.mailed_code_id)
        except CodeUsedUpError:
            return self.used_up()
        return None

    def used_up(self) -> HttpResponse:
        """Redirect to the page that mails another code, with a message."""
        messages.error(self.request, _("Too many wrong codes. Start again for another one."))
        self.forget_code()  # type: ignore[attr-defined]
        return redirect(with_next(self.again(), self.request))

    def again(self) -> str:
        """Return the page that sends codes."""
        raise NotImplementedError

    def form_invalid(self, form: Any) -> HttpResponse:
        """Show that the code is wrong, or that it was the last attempt."""
        if code_limits.is_used_up(self.mailed_code_id):
            return self.used_up()
        return super().form_invalid(form)  # type: ignore[misc, no-any-return]

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add the address for display, and how long the code is valid."""
        context = super().get_context_data(**kwargs)  # type: ignore[misc]
        email = shown_email(context["email"])
        return {**context, "email": email, "seconds_left": self.seconds_left}


class _OfAccountAsItIs:
    """A step of setting a new password, void if the account has changed in the meantime."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Show the step, or start again."""
        passwords.forget_stale_reset(request)
        return super().dispatch(request, *args, **kwargs)  # type: ignore[misc, no-any-return]


@method_decorator(refuses_beyond_limits, name="dispatch")
class ResetView(_KeepsNext, pages.AskForResetPage):
    """The page that asks for a code for a new password.

    The sign-in page's form comes here, too, with the address that was typed there.
    """

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Mail the code, or show the page with the address from the sign-in page."""
        if "email" in request.POST:
            return super().post(request, *args, **kwargs)  # type: ignore[no-any-return]
        form = ResetPasswordForm()
        return self.render_to_response(self.get_context_data(form=form))  # type: ignore[no-any-return]

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add the address from the sign-in page."""
        typed = self.request.POST.get("login", "")[:254]
        return {"typed": typed, **super().get_context_data(**kwargs)}

    def form_valid(self, form: ResetPasswordForm) -> HttpResponse:
        """Mail the code, or pretend to."""
        visitor = visitor_at(self.request, form.cleaned_data["email"])
        code_limits.count_mail(visitor, "password-reset")
        form.save(self.request)
        return redirect(self.get_success_url())


@method_decorator(refuses_beyond_limits, name="dispatch")
class ConfirmResetCodeView(_KeepsNext, _OfAccountAsItIs, _CountsAttempts, pages.ResetCodePage):
    """The page for the code of a new password."""

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Count the code, then check it; or mail another one."""
        if request.POST.get("action") == "resend":
            return self._resend()
        return self.count_attempt() or super().post(request, *args, **kwargs)

    def _resend(self) -> HttpResponse:
        """Mail another code, or pretend to. The codes before it are wrong then."""
        form = ResetPasswordForm({"email": self.mailed_to})
        if form.is_valid():
            code_limits.count_mail(visitor_at(self.request, self.mailed_to), "password-reset")
            form.save(self.request)
            messages.success(
                self.request, _("Another code is on its way. Only the newest one works.")
            )
        here = reverse("account_confirm_password_reset_code")
        return redirect(with_next(here, self.request))

    def again(self) -> str:
        """Return the page that sends codes."""
        return reverse("account_reset_password")

    def form_valid(self, form: Any) -> HttpResponse:
        """Go on to the new password."""
        rate_limits.take_back(*self.counted)
        with suppress(IntegrityError):  # Another account has verified the address in the meantime.
            return super().form_valid(form)  # type: ignore[no-any-return]
        return redirect(with_next(reverse("account_complete_password_reset"), self.request))


@method_decorator(refuses_beyond_limits, name="dispatch")
class NewPasswordView(_KeepsNext, _OfAccountAsItIs, pages.NewPasswordPage):
    """The page that sets the new password."""

    def form_valid(self, form: Any) -> HttpResponse:
        """Set the password with its notice by mail, and reset the account's rate limits."""
        user = self.user
        with transaction.atomic():
            response: HttpResponse = super().form_valid(form)
        operations.unlock(user)
        return response


@method_decorator(refuses_beyond_limits, name="dispatch")
class ConfirmEmailView(_KeepsNext, _CountsAttempts, pages.VerifyEmailPage):
    """The page for the mailed code that verifies an address."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Go on if another tab has finished this already."""
        if request.user.is_authenticated:
            return redirect(self.get_next_url() or resolve_url("account_home"))
        return super().dispatch(request, *args, **kwargs)

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Count the code or the mail, then check or send it."""
        if self.asks_for_another_code:
            code_limits.count_mail(visitor_at(request, self.mailed_to), "sign-up")
            return super().post(request, *args, **kwargs)  # type: ignore[no-any-return]
        return self.count_attempt() or super().post(request, *args, **kwargs)

    def again(self) -> str:
        """Return the page that mails codes: sign-up, or sign-in if the account is older."""
        return reverse("account_signup" if self.signs_up else "account_login")

    def form_valid(self, form: Any) -> HttpResponse:
        """Go on signing in; another account may have verified the address since."""
        if self.asks_for_another_code:
            return super().form_valid(form)  # type: ignore[no-any-return]
        rate_limits.take_back(*self.counted)
        try:
            return super().form_valid(form)  # type: ignore[no-any-return]
        except IntegrityError:
            messages.error(self.request, _("This address is another account’s by now. Sign in."))
            self.forget_code()
            return redirect(with_next(reverse("account_login"), self.request))
