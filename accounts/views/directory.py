"""The page where users of an LDAP directory type their password; the directory judges it."""

from http import HTTPStatus
from typing import Any

from django import forms
from django.contrib.auth.signals import user_login_failed
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from accounts import password_limits
from accounts.models import Upstream
from accounts.next import next_of, with_next
from accounts.password_limits import PasswordAttempt
from accounts.upstream import journeys, kinds, sign_in
from accounts.upstream.directory.kind import NAME
from accounts.upstream.identity import Identity
from accounts.upstream.journeys import Asked
from accounts.upstream.refusals import StaleError, UnreachableError, UpstreamRefusedError
from accounts.views.too_many import refuses_beyond_limits
from foundation.client_address import rate_limit_key


class DirectoryForm(forms.Form):
    """A user's name in the directory, which may be an address, and their password there."""

    login = forms.CharField(label=_("User name or email address"), max_length=254)
    password = forms.CharField(
        label=_("Password"), max_length=1024, strip=False, widget=forms.PasswordInput
    )
    state = forms.CharField(max_length=100, widget=forms.HiddenInput)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        typed = {"autocapitalize": "off", "spellcheck": "false", "autocomplete": "username"}
        self.fields["login"].widget.attrs = typed
        self.fields["password"].widget.attrs = {"autocomplete": "current-password"}


@sensitive_post_parameters()
@require_http_methods(["GET", "HEAD", "POST"])
@refuses_beyond_limits
def directory(request: HttpRequest, slug: str) -> HttpResponse:
    """Ask for the password, let the directory judge it, and go on signing in."""
    upstream = Upstream.objects.filter(slug=slug, kind=NAME, enabled=True).first()
    if upstream is None or kinds.named(NAME) is None:
        raise Http404
    if request.method != "POST":
        state = request.GET.get("state") or journeys.begin(
            request, upstream, Asked(next=next_of(request))
        )
        return _page(request, upstream, DirectoryForm(), state)
    form = DirectoryForm(request.POST)
    is_whole = form.is_valid()
    try:
        journey = journeys.take(request, upstream, request.POST.get("state", ""))
    except StaleError:
        return redirect(with_next(reverse("account_login"), request))
    # Each state works once; the page that is shown again has the next one.
    state = journeys.begin(request, upstream, journey.asked)
    if not is_whole:
        return _page(request, upstream, form, state)
    return _judge(request, upstream, form, journey.asked, state)


def _judge(
    request: HttpRequest, upstream: Upstream, form: DirectoryForm, asked: Asked, state: str
) -> HttpResponse:
    try:
        identity = _identity(request, upstream, **form.cleaned_data)
        if identity is not None:
            journeys.take(request, upstream, state)
            return sign_in.go_on(request, identity, asked)
    except UpstreamRefusedError as refusal:
        _record(request, upstream, str(refusal))
        words = (refusal.heading, refusal.sentence)
        form.add_error(None, [str(each) % {"name": upstream.name} for each in words])
        is_down = isinstance(refusal, UnreachableError)
        status = HTTPStatus.SERVICE_UNAVAILABLE if is_down else HTTPStatus.OK
        return _page(request, upstream, form, journeys.begin(request, upstream, asked), status)
    _record(request, upstream, "The directory refused the name or the password.")
    form.add_error(None, gettext("That name and password don’t match. Try again."))
    return _page(request, upstream, form, state)


def _identity(
    request: HttpRequest, upstream: Upstream, *, login: str, password: str, **_: Any
) -> Identity | None:
    """Count the attempt, then let the directory judge it. Raises RateLimitExceededError."""
    from accounts.upstream.directory import people  # needs python-ldap

    attempts = []

    def count(name: str) -> None:
        address = rate_limit_key(request)
        attempts.append(password_limits.begin_at_directory(upstream.slug, name, address))

    count(login.casefold())
    try:
        identity = people.identity(upstream, login, password, count)
    except UnreachableError:
        _take_back(attempts)  # no password was judged
        raise
    if identity is not None:
        _take_back(attempts)
    return identity


def _take_back(attempts: list[PasswordAttempt]) -> None:
    for attempt in attempts:
        password_limits.succeeded(attempt)


def _record(request: HttpRequest, upstream: Upstream, reason: str) -> None:
    """Send the signal whose listener records the event; the name that was typed is not stored."""
    said = {"upstream": upstream.slug, "reason": reason}
    user_login_failed.send(__name__, credentials=said, request=request)


def _page(
    request: HttpRequest, upstream: Upstream, form: DirectoryForm, state: str, status: int = 200
) -> HttpResponse:
    context = {"form": form, "upstream": upstream, "state": state}
    return render(request, "account/directory.html", context, status=status)
