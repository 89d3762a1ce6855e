"""The pages of passkeys: signing in with one, making one, removing one.

A request for JSON at a page's own address returns a challenge. It is fetched when it is needed, so
that each tab answers its own.
"""

from contextlib import suppress
from http import HTTPStatus
from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import NON_FIELD_ERRORS
from django.db import IntegrityError
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.http import urlencode
from django.views.decorators.http import require_http_methods, require_safe
from django.views.generic import FormView

from accounts import code_limits, passkeys, second_factor
from accounts.allauth_door import factors, pages, sign_ins
from accounts.factor_forms import NewPasskeyForm, PasskeyForm
from accounts.models import User
from accounts.next import next_of, with_next
from accounts.sessions import add_step
from accounts.upstream import connected
from accounts.views.recent_authentication import recent_authentication_required
from accounts.views.too_many import refuses_beyond_limits
from foundation import rate_limits
from foundation.client_address import rate_limit_key
from foundation.rate_limits import RateLimitExceededError


def wants_challenge(request: HttpRequest) -> bool:
    """Whether a page's script asks for a challenge, rather than a user for the page."""
    return request.method == "GET" and request.headers.get("Accept") == "application/json"


def challenge(request: HttpRequest, user: User | None = None) -> HttpResponse:
    """Return a challenge for a passkey of `user`, or of any user, within a rate limit."""
    try:
        rate_limits.count((code_limits.PASSKEY_CHALLENGES, rate_limit_key(request)))
    except RateLimitExceededError as exceeded:
        headers = {"Retry-After": str(exceeded.retry_after)}
        return JsonResponse({}, status=HTTPStatus.TOO_MANY_REQUESTS, headers=headers)
    return JsonResponse(passkeys.request_options(request, user))


@require_http_methods(["GET", "HEAD", "POST"])
@refuses_beyond_limits
def sign_in(request: HttpRequest) -> HttpResponse:
    """Sign in the user that a passkey names; go on to `next`."""
    if wants_challenge(request):
        return challenge(request)
    if request.method != "POST":
        return redirect(_sign_in_page(request))
    form = PasskeyForm(request.POST, request=request)
    if not form.is_valid():
        factors.was_refused(request, None, None)
        if form.has_error(NON_FIELD_ERRORS, "passkey_unknown"):
            passkeys.note_unknown(request, request.POST.get("credential", ""))
        for problem in form.non_field_errors():
            messages.error(request, str(problem))
        return redirect(_sign_in_page(request))
    if not request.user.is_authenticated:
        request.session.set_expiry(0)  # Until the browser is closed, as without "stay signed in".
    form.save()
    return sign_ins.begin(request, form.authenticator.user)


def _sign_in_page(request: HttpRequest) -> str:
    query = {"fresh": "1"} if request.user.is_authenticated else {}
    target = next_of(request)
    return f"{reverse('account_login')}?{urlencode({**query, 'next': target} if target else query)}"


@method_decorator(recent_authentication_required, name="dispatch")
@method_decorator(pages.may_set_up_a_factor, name="dispatch")
class NewPasskeyView(FormView):  # type: ignore[type-arg]
    """Makes a passkey."""

    template_name = "mfa/webauthn/add_form.html"
    form_class = NewPasskeyForm
    #: Whether a password manager may make one by itself (`passkeys.creation_options`).
    conditional = False

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Show the page, or return a challenge to its script."""
        if wants_challenge(request):
            conditional = self.conditional and "conditional" in request.GET
            return JsonResponse(
                passkeys.creation_options(request, request.user, conditional=conditional)  # type: ignore[arg-type]
            )
        return super().get(request, *args, **kwargs)

    def get_form_kwargs(self) -> dict[str, Any]:
        """Pass the user to the form."""
        return {**super().get_form_kwargs(), "request": self.request, "user": self.request.user}

    def form_valid(self, form: NewPasskeyForm) -> HttpResponse:
        """Save the passkey, and add it to this session as a second factor."""
        passkey = form.authenticator
        factors.add_passkey(self.request, passkey)
        new_codes = False
        with suppress(IntegrityError):  # Another tab has made them at the same time.
            new_codes = factors.make_first_recovery_codes(self.request)
        factors.record_use(self.request, passkey)
        add_step(self.request)
        if new_codes:
            return redirect(with_next(reverse("mfa_view_recovery_codes"), self.request))
        return redirect(sign_ins.next_page(self.request) or reverse("account_passkeys"))


class OfferPasskeyView(NewPasskeyView):
    """Offers a passkey to a user who has just signed in by password (`OfferPasskeyStage`)."""

    template_name = "mfa/webauthn/offer.html"
    conditional = True

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Go on if there is a passkey by now, as after Back or in another tab."""
        if request.method == "GET" and second_factor.has_passkey(request.user):
            return redirect(sign_ins.next_page_or_home(request))
        response: HttpResponseBase = super().dispatch(request, *args, **kwargs)
        return response

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add where the sign-in leads without one."""
        return super().get_context_data(onward=sign_ins.next_page_or_home(self.request), **kwargs)


@require_safe
@login_required
def show_passkeys(request: HttpRequest) -> HttpResponse:
    """List the user's passkeys, and tell the browser which there are."""
    user: User = request.user  # type: ignore[assignment]
    context = {"passkeys": passkeys.passkeys_of(user), "signals": passkeys.signals_for(user)}
    return render(request, "mfa/webauthn/list.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@recent_authentication_required
def remove_passkey(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask whether to remove a passkey of the user's own, and remove it."""
    user: User = request.user  # type: ignore[assignment]
    passkey = passkeys.passkeys_of(user).filter(pk=pk).first()
    if passkey is None:  # It is removed already.
        return redirect("account_passkeys")
    if request.method == "POST":
        factors.remove_passkey(request, passkey)
        return redirect("account_passkeys")
    others = passkeys.passkeys_of(user).exclude(pk=pk).exists()
    context = {
        "name": factors.name_of(passkey),
        "last_second_step": not others and not second_factor.has_app(user),
        "last_way_in": not (others or user.has_usable_password() or connected.names_of(user)),
    }
    return render(request, "mfa/webauthn/authenticator_confirm_delete.html", context)
