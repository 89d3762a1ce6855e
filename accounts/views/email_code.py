"""Sign in by a code that is mailed, instead of a password."""

from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from accounts.allauth_door import email_addresses, sign_ins, steps
from accounts.forms import EmailCodeForm
from accounts.models import User
from accounts.stages import MailedCodeStage
from accounts.views.too_many import refuses_beyond_limits
from accounts.visitors import account_at


@sensitive_post_parameters()  # The sign-in page's form comes here with a half-typed password, too.
@require_http_methods(["GET", "HEAD", "POST"])
@refuses_beyond_limits
def email_code(request: HttpRequest) -> HttpResponse:
    """Ask for the address, mail a code and go on to its page.

    Response and time are the same whether or not there is such an account (ASVS 6.3.8).
    """
    if not settings.IDP_EMAIL_CODE_SIGN_IN:
        raise Http404
    # The sign-in page's button may be pressed before an address is typed: no mistake of the user's.
    is_sent = bool(request.POST.get("login")) or "password" not in request.POST
    form = EmailCodeForm(request.POST if request.method == "POST" and is_sent else None)
    if not form.is_valid():
        return render(request, "account/email_code.html", {"form": form})
    email = form.cleaned_data["login"]
    login = steps.unfinished(_user_at(email), email)
    MailedCodeStage.require(login, instead_of_password=True)
    return sign_ins.go_through_steps(request, login)


def _user_at(email: str) -> User | None:
    """Return the user who has verified this address.

    Without that, the account may be one that another user has prepared, with a password of theirs.
    """
    user: Any = account_at(email)
    return user if user is not None and email_addresses.is_verified(user, email) else None
