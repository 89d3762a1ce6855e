"""Signing in, signing up and proving an address, in several tabs.

allauth keeps one unfinished sign-in per browser session. The newest tab wins: each page keeps its
own `next`, and whoever is signed in already goes on to it.
"""

from contextlib import suppress
from typing import Any

from django.contrib import messages
from django.db import IntegrityError
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import redirect, render, resolve_url
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache

from accounts import code_limits, operations, passwords
from accounts.addresses import shown_email
from accounts.allauth_door import pages
from accounts.code_limits import CodeSpentError
from accounts.forms import ResetPasswordForm, SignUpForm
from accounts.next import with_next
from accounts.views.stale_form import show_step_again
from accounts.views.too_many import refuses_beyond_limits
from accounts.visitors import visitor_at
from foundation import rate_limits
from foundation.rate_limits import Counted


@method_decorator((never_cache, refuses_beyond_limits), name="dispatch")
class SignInView(pages.SignInPage):
    """The sign-in page.

    With `fresh` or `choose` in the query it is shown to people who are signed in, too.
    """

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Show the page, or go on where the person is signed in and that is enough."""
        if {"fresh", "choose"} & set(request.GET) and request.user.is_authenticated:
            return self.show_to_everybody(request, *args, **kwargs)
        return super().dispatch(request, *args, **kwargs)  # type: ignore[no-any-return]


@method_decorator(refuses_beyond_limits, name="dispatch")
class SignUpView(pages.SignUpPage):
    """The sign-up page. With `create` in the query, people who are signed in are asked first."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Show the page, ask whether it is to be another account, or go on."""
        if "create" in request.GET and request.user.is_authenticated:
            return render(request, "account/another_account.html")
        return super().dispatch(request, *args, **kwargs)  # type: ignore[no-any-return]

    def form_valid(self, form: SignUpForm) -> HttpResponse:
        """Make the account and mail a code; the form again if another took the address just now."""
        visitor = visitor_at(self.request, form.cleaned_data["email"])
        code_limits.count_mail(visitor, "sign-up")
        try:
            return super().form_valid(form)  # type: ignore[no-any-return]
        except IntegrityError:  # another sign-up with this address made this one's account go
            return show_step_again(self.request)


class _KeepsNext:
    """Where a step has nothing to do (any more), it sends on with `next` kept."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Add `next` to a redirect within these pages that lost it."""
        response: HttpResponseBase = super().dispatch(request, *args, **kwargs)  # type: ignore[misc]
        if isinstance(response, HttpResponseRedirect) and response.url.startswith("/account/"):
            response["Location"] = with_next(response.url, request)
        return response


class _CountsTries:
    """Where a mailed code is typed: each is counted before it is compared, by the code's own id."""

    mailed_to: str
    mailed_code_id: str
    request: HttpRequest
    #: What was counted for the code that is being judged.
    counted: list[Counted]

    def count_try(self) -> HttpResponse | None:
        """Count a code that was typed; return where to go if this one takes no more."""
        visitor = visitor_at(self.request, self.mailed_to)
        try:
            self.counted = code_limits.count_try(visitor, self.mailed_code_id)
        except CodeSpentError:
            return self.spent()
        return None

    def spent(self) -> HttpResponse:
        """Go where another code is sent from, saying so."""
        messages.error(self.request, _("Too many wrong codes. Start again for another one."))
        self.forget_code()  # type: ignore[attr-defined]
        return redirect(with_next(self.again(), self.request))

    def again(self) -> str:
        """Return the page that sends codes."""
        raise NotImplementedError

    def form_invalid(self, form: Any) -> HttpResponse:
        """Say that the code is wrong, or that it was the last try."""
        if code_limits.is_spent(self.mailed_code_id):
            return self.spent()
        return super().form_invalid(form)  # type: ignore[misc, no-any-return]

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Show the address as people write it."""
        context = super().get_context_data(**kwargs)  # type: ignore[misc]
        return {**context, "email": shown_email(context["email"])}


class _OfAccountAsItIs:
    """A step of setting a new password is over when the account has changed meanwhile."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Show the step, or begin anew."""
        passwords.forget_stale_reset(request)
        return super().dispatch(request, *args, **kwargs)  # type: ignore[misc, no-any-return]


@method_decorator(refuses_beyond_limits, name="dispatch")
class ResetView(_KeepsNext, pages.AskForResetPage):
    """Where a code for a new password is asked for."""

    def form_valid(self, form: ResetPasswordForm) -> HttpResponse:
        """Mail the code, or seem to."""
        visitor = visitor_at(self.request, form.cleaned_data["email"])
        code_limits.count_mail(visitor, "password-reset")
        form.save(self.request)
        return redirect(self.get_success_url())


@method_decorator(refuses_beyond_limits, name="dispatch")
class ConfirmResetCodeView(_KeepsNext, _OfAccountAsItIs, _CountsTries, pages.ResetCodePage):
    """Where the code for a new password is typed."""

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Count the code, then judge it."""
        return self.count_try() or super().post(request, *args, **kwargs)

    def again(self) -> str:
        """Return the page that sends codes."""
        return reverse("account_reset_password")

    def form_valid(self, form: Any) -> HttpResponse:
        """Go on to the new password."""
        rate_limits.take_back(*self.counted)
        with suppress(IntegrityError):  # another account has proven the address meanwhile
            return super().form_valid(form)  # type: ignore[no-any-return]
        return redirect(with_next(reverse("account_complete_password_reset"), self.request))


@method_decorator(refuses_beyond_limits, name="dispatch")
class NewPasswordView(_KeepsNext, _OfAccountAsItIs, pages.NewPasswordPage):
    """Where the new password is chosen."""

    def form_valid(self, form: Any) -> HttpResponse:
        """Set it. What strangers tried on the account before is forgotten."""
        user = self.user
        response: HttpResponse = super().form_valid(form)
        operations.unlock(user)
        return response


@method_decorator(refuses_beyond_limits, name="dispatch")
class ConfirmEmailView(_KeepsNext, _CountsTries, pages.VerifyEmailPage):
    """Where the code from the mail is typed."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Go on where another tab has finished this already."""
        if request.user.is_authenticated:
            return redirect(self.get_next_url() or resolve_url("account_home"))
        return super().dispatch(request, *args, **kwargs)

    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Count the code or the mail, then judge or send it."""
        if self.asks_for_another_code:
            code_limits.count_mail(visitor_at(request, self.mailed_to), "sign-up")
            return super().post(request, *args, **kwargs)  # type: ignore[no-any-return]
        return self.count_try() or super().post(request, *args, **kwargs)

    def again(self) -> str:
        """Return the page that sends codes: signing up again, or in where the account is older."""
        return reverse("account_signup" if self.signs_up else "account_login")

    def form_valid(self, form: Any) -> HttpResponse:
        """Go on signing in; the address may have become another account's since."""
        if self.asks_for_another_code:
            return super().form_valid(form)  # type: ignore[no-any-return]
        rate_limits.take_back(*self.counted)
        try:
            return super().form_valid(form)  # type: ignore[no-any-return]
        except IntegrityError:
            messages.error(self.request, _("This address is another account’s by now. Sign in."))
            self.forget_code()
            return redirect(with_next(reverse("account_login"), self.request))
