"""The language switch of every page's foot."""

from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.views.i18n import set_language

from accounts import preferences
from accounts.next import is_ours
from accounts.sessions import session_of
from idp import policy
from idp.authorization import interactions
from idp.current_interaction import interaction_of


def language(request: HttpRequest) -> HttpResponse:
    """Store the language for this browser and the signed-in account.

    It overrides the client's ui_locales.
    """
    row = interaction_of(request)
    if request.method == "POST" and row is not None:
        interactions.forget_parameter(row, "ui_locales")
    session = session_of(request) if request.method == "POST" else None
    if session is not None:
        preferences.save(session.user, language=request.POST.get("language", ""))
    response = set_language(request)
    target = response.headers.get("Location")
    if target is not None and not is_ours(target.removeprefix(policy.ORIGIN)):
        response["Location"] = reverse("account_home")  # the page has not named itself
    return response
