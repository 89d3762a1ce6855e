"""Where a step of signing in leads that can't be taken (any more)."""

from allauth.account.stages import LoginStage
from allauth.account.utils import get_next_redirect_url
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from accounts.next import with_next


def nothing_to_do(http: HttpRequest) -> HttpResponse:
    """Another tab has done it, or nobody is signing in."""
    if http.user.is_authenticated:
        return redirect(get_next_redirect_url(http) or "account_home")
    return redirect(with_next(reverse("account_login"), http))


def begin_anew(http: HttpRequest, stage: LoginStage) -> HttpResponse:
    """Give this sign-in up and show the sign-in page."""
    stage.abort()
    return redirect(with_next(reverse("account_login"), http))
