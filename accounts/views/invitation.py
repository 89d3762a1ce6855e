"""Where an invitation leads: the page on which a person chooses their first password."""

from http import HTTPStatus

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from accounts import invitations
from accounts.forms import NewPasswordForm
from accounts.views.too_many import refuses_beyond_limits


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@refuses_beyond_limits
def invitation(http: HttpRequest, token: str) -> HttpResponse:
    """Ask for a password; opening the page, as scanners of mail do, changes nothing."""
    response = _answer(http, token)
    # The address is the secret: not even our own pages and files learn it as a Referer.
    response["Referrer-Policy"] = "strict-origin"
    return response


def _answer(http: HttpRequest, token: str) -> HttpResponse:
    user = invitations.invited_by(token)
    if user is None:
        return _over(http)
    form = NewPasswordForm(http.POST if http.method == "POST" else None, user=user)
    if form.is_valid():
        return invitations.accept(http, user, form.cleaned_data["password1"]) or _over(http)
    return render(http, "account/invitation.html", {"form": form, "email": user.shown_email})


def _over(http: HttpRequest) -> HttpResponse:
    return render(http, "account/invitation_over.html", status=HTTPStatus.GONE)
