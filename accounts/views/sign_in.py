"""Signing in, signing up and proving an address: allauth's views, made to survive several tabs.

allauth keeps one unfinished sign-in per browser session and sends every visitor of the sign-in page
back to it. Here the newest tab wins: each page keeps its own `next`, and whoever is signed in
already goes on to it.
"""

from typing import Any

from allauth.account import views as allauth
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import redirect, render, resolve_url
from django.utils.decorators import method_decorator
from django.views.decorators.cache import never_cache
from django.views.generic import FormView

from accounts import passwords
from accounts.addresses import shown_email
from accounts.next import with_next


class _EveryTabStartsAfresh:
    """An unfinished sign-in of another tab doesn't take this one over."""

    def _redirect_to_pending_stage(self, *_: Any) -> HttpResponse | None:
        return None


@method_decorator(never_cache, name="dispatch")
class SignInView(_EveryTabStartsAfresh, allauth.LoginView):
    """The sign-in page.

    With `fresh` or `choose` in the query it is shown to people who are signed in, too.
    """

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Show the page, or go on where the person is signed in and that is enough."""
        if {"fresh", "choose"} & set(request.GET) and request.user.is_authenticated:
            # Past allauth's bounce of signed-in people. Wrong passwords are counted all the same.
            return FormView.dispatch(self, request, *args, **kwargs)
        return super().dispatch(request, *args, **kwargs)  # type: ignore[no-any-return]


class SignUpView(_EveryTabStartsAfresh, allauth.SignupView):
    """The sign-up page. With `create` in the query, people who are signed in are asked first."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Show the page, ask whether it is to be another account, or go on."""
        if "create" in request.GET and request.user.is_authenticated:
            return render(request, "account/another_account.html")
        return super().dispatch(request, *args, **kwargs)  # type: ignore[no-any-return]


class _KeepsNext:
    """Where a step has nothing to do (any more), it sends on with `next` kept."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Add `next` to a redirect within these pages that lost it."""
        response: HttpResponseBase = super().dispatch(request, *args, **kwargs)  # type: ignore[misc]
        if isinstance(response, HttpResponseRedirect) and response.url.startswith("/account/"):
            response["Location"] = with_next(response.url, request)
        return response


class _OfAccountAsItIs:
    """A step of setting a new password is over when the account has changed meanwhile."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Show the step, or begin anew."""
        passwords.forget_stale_reset(request)
        return super().dispatch(request, *args, **kwargs)  # type: ignore[misc, no-any-return]


class ConfirmResetCodeView(_KeepsNext, _OfAccountAsItIs, allauth.ConfirmPasswordResetCodeView):
    """Where the code for a new password is typed."""

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Show the address as people write it."""
        context = super().get_context_data(**kwargs)
        return {**context, "email": shown_email(context["email"])}


class NewPasswordView(_KeepsNext, _OfAccountAsItIs, allauth.CompletePasswordResetView):
    """Where the new password is chosen."""


class ConfirmEmailView(_KeepsNext, allauth.ConfirmEmailVerificationCodeView):
    """Where the code from the mail is typed."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Go on where another tab has finished this already."""
        if request.user.is_authenticated:
            return redirect(self.get_next_url() or resolve_url("account_home"))
        return super().dispatch(request, *args, **kwargs)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Show the address as people write it."""
        context = super().get_context_data(**kwargs)
        return {**context, "email": shown_email(context["email"])}
