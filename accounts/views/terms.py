"""The page that asks to accept the terms of service, a step of signing in."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from accounts import terms
from accounts.stages import TermsStage
from accounts.views.steps import begin_anew, nothing_to_do


@require_http_methods(["GET", "HEAD", "POST"])
def accept_terms(request: HttpRequest) -> HttpResponse:
    """Ask, then finish signing in and go on to this tab's `next`; or give up the sign-in."""
    stage = TermsStage.at(request)
    if stage is None:
        return nothing_to_do(request)
    if not stage.is_still_valid():
        return begin_anew(request, stage)
    user = stage.login.user
    asked = terms.has_to_accept(user)
    if asked is None:  # Another tab has accepted them, or the operator has removed them.
        return stage.go_on(request)
    if request.method != "POST":
        return _ask(request, asked)
    if "decline" in request.POST:
        messages.info(request, _("You are not signed in: the terms were not accepted."))
        return begin_anew(request, stage)
    if request.POST.get("accept") != asked.version:  # A new version since the page was shown.
        return _ask(request, asked)
    terms.accept(request, user, asked)
    return stage.go_on(request)


def _ask(request: HttpRequest, asked: terms.Terms) -> HttpResponse:
    return render(request, "account/terms.html", {"terms": asked})
