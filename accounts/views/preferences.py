"""The page for the language and the colours of the pages."""

from django.conf import settings
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import translation
from django.utils.translation import get_language, get_language_info
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from accounts import preferences


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def show_preferences(request: HttpRequest) -> HttpResponse:
    """Show the choices, or keep them with the account and in this browser."""
    if request.method == "POST":
        return _save(request)
    languages = [get_language_info(code) for code, _name in settings.LANGUAGES]
    themes = [("", _("As on your device")), ("light", _("Light")), ("dark", _("Dark"))]
    return render(
        request,
        "account/preferences.html",
        {"languages": languages, "language": get_language(), "themes": themes},
    )


def _save(request: HttpRequest) -> HttpResponse:
    user = request.user
    chosen = {name: request.POST[name] for name in ("language", "theme") if name in request.POST}
    preferences.save(user, **chosen)  # type: ignore[arg-type]
    with translation.override(user.language or get_language()):  # type: ignore[union-attr]
        messages.success(request, _("Your choice is saved."))
    response = redirect("account_preferences")
    preferences.give_to_browser(response, user)  # type: ignore[arg-type]
    if not user.theme:  # type: ignore[union-attr]
        preferences.forget_theme(response)
    return response
