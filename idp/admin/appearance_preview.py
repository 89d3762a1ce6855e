"""Previews of a brand, and of an app: sign-in, consent and email in both themes, as they would be.

Each page is a frame of its own within the preview, without scripts and forms. Marks that are not
saved yet have no address, so that they are data URLs here, and nowhere else.
"""

import re
from base64 import b64encode
from collections.abc import Callable
from typing import Any

from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.clickjacking import xframe_options_sameorigin

from accounts import letters
from accounts.forms import SignInForm
from foundation import branding
from foundation.branding import Branding
from foundation.models import Brand
from idp.clients.display import app_of
from idp.models import Client

_POLICY = {
    "default-src": ["'none'"],
    "script-src": ["'none'"],
    # Email has styles of its own. No text of an operator's is part of one.
    "style-src": ["'self'", "'unsafe-inline'"],
    "img-src": ["'self'", "data:"],
    "frame-src": ["'self'"],
    "form-action": ["'none'"],
    "frame-ancestors": ["'self'"],
    "base-uri": ["'none'"],
}
_THEMES: tuple[tuple[str, str | Promise], ...] = (("light", _("light")), ("dark", _("dark")))


#: What frames without scripts would only complain about.
_UNUSED = re.compile(r"<script\b[^>]*></script>|\sautofocus\b")


class _Visitor(AnonymousUser):
    """The user of the example."""

    shown_email = "ana@example.com"


def of_brand(request: HttpRequest, brand: Brand | None) -> HttpResponse:
    """Return the preview of a brand, saved or not; None for the default look."""
    app = {"name": gettext("Bakery"), "host": "bakery.example.com"}
    return _shown(request, _branding(brand) if brand else Branding(), app)


def of_app(request: HttpRequest, client: Client) -> HttpResponse:
    """Return the preview of an app, saved or not: its logo and accent within the house's brand.

    A logo that is new is not fetched for it: as on the pages, an initial takes its place.
    """
    app = app_of(client, next(iter(client.redirect_uris), ""))
    return _shown(request, branding.current(), {**app, "on_device": False})


@xframe_options_sameorigin
def _shown(request: HttpRequest, brand: Branding, app: dict[str, Any]) -> HttpResponse:
    frames = [
        (f"{name}, {words}", render(request, brand, theme, app))
        for name, render in _PAGES
        for theme, words in _THEMES
    ]
    return _framed(request, {"frames": frames})


def framing(response: HttpResponse) -> HttpResponse:
    """Return the response of a page that frames a preview, which its policy then permits."""
    response._csp_update = {"frame-src": ["'self'"]}  # type: ignore[attr-defined]
    return response


@xframe_options_sameorigin
def refused(request: HttpRequest, form: Any) -> HttpResponse:
    """Return what has to be corrected before there is a preview."""
    problems = [
        (form.fields[name].label if name in form.fields else "", text)
        for name, texts in form.errors.items()
        for text in texts
    ]
    return _framed(request, {"problems": problems})


def _framed(request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
    response = TemplateResponse(request, "admin/appearance_preview.html", context)
    response._csp_replace = _POLICY  # type: ignore[attr-defined]
    return response


def _branding(brand: Brand) -> Branding:
    return branding.branding_of(brand, _data_url(brand.mark), _data_url(brand.dark_mark))


def _data_url(picture: bytes) -> str:
    if not picture:
        return ""
    data = bytes(picture)
    return f"data:{branding.type_of(data)};base64,{b64encode(data).decode()}"


def _page(request: HttpRequest, template: str, **context: Any) -> str:
    context = {"user": _Visitor(), "messages": (), **context}
    return _UNUSED.sub("", render_to_string(template, context, request))


def _sign_in(request: HttpRequest, brand: Branding, theme: str, app: dict[str, Any]) -> str:
    form = SignInForm()
    more = {"form": form, "signup_url": reverse("account_signup"), "own_sign_in": True}
    of = {"brand": brand, "theme": theme, "app": app}
    return _page(request, "account/login.html", **more, **of, login_hint="", inactive_sessions=())


def _consent(request: HttpRequest, brand: Branding, theme: str, app: dict[str, Any]) -> str:
    details = [(_("Your name"), "Ana Lima"), (_("Your email address"), _Visitor.shown_email)]
    more = {"details": details, "continue_path": "/"}
    return _page(request, "consent.html", brand=brand, theme=theme, app=app, **more)


def _email(_request: HttpRequest, brand: Branding, theme: str, app: dict[str, Any]) -> str:
    return letters.example(brand, theme, app["name"])


_Render = Callable[[HttpRequest, Branding, str, dict[str, Any]], str]
_PAGES: tuple[tuple[str | Promise, _Render], ...] = (
    (_("Sign-in"), _sign_in),
    (_("Consent"), _consent),
    (_("Email"), _email),
)
