"""Responses of a sign-in step that has nothing to do (any more)."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse

from accounts.allauth_door.sign_ins import next_page
from accounts.allauth_door.steps import Step
from accounts.next import with_next


def nothing_to_do(request: HttpRequest) -> HttpResponse:
    """Go on: another tab has done it, or no sign-in is under way."""
    if request.user.is_authenticated:
        return redirect(next_page(request) or "account_home")
    return redirect(with_next(reverse("account_login"), request))


def begin_anew(request: HttpRequest, stage: Step) -> HttpResponse:
    """Give up this sign-in and show the sign-in page."""
    stage.give_up()
    return redirect(with_next(reverse("account_login"), request))
