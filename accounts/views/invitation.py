"""The page of an invitation, on which a user chooses their first password."""

from http import HTTPStatus

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from accounts import invitations
from accounts.forms import NewPasswordForm
from accounts.views.too_many import refuses_beyond_limits


@require_http_methods(["GET", "HEAD", "POST"])
@refuses_beyond_limits
def invitation(request: HttpRequest, token: str) -> HttpResponse:
    """Ask for a password. A GET, as mail scanners send it, changes nothing."""
    response = _answer(request, token)
    # The address is the secret: not even our own pages and files learn it as a Referer.
    response["Referrer-Policy"] = "strict-origin"
    return response


def _answer(request: HttpRequest, token: str) -> HttpResponse:
    user = invitations.invited_by(token)
    if user is None:
        return _expired(request)
    form = NewPasswordForm(request.POST if request.method == "POST" else None, user=user)
    if form.is_valid():
        return invitations.accept(request, user, form.cleaned_data["password1"]) or _expired(
            request
        )
    return render(request, "account/invitation.html", {"form": form, "email": user.shown_email})


def _expired(request: HttpRequest) -> HttpResponse:
    return render(request, "account/invitation_over.html", status=HTTPStatus.GONE)
