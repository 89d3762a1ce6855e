"""The preview of a brand: sign-in, consent and email, in both themes, as they would be.

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


@xframe_options_sameorigin
def shown(request: HttpRequest, brand: Brand | None) -> HttpResponse:
    """Return the preview of a brand, saved or not; None for the default look."""
    shown_brand = _branding(brand) if brand else Branding()
    frames = [
        (f"{name}, {words}", render(request, shown_brand, theme))
        for name, render in _PAGES
        for theme, words in _THEMES
    ]
    return _framed(request, {"frames": frames})


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


def _page(request: HttpRequest, brand: Branding, theme: str, template: str, **more: Any) -> str:
    app = {"name": gettext("Bakery"), "host": "bakery.example.com"}
    context = {"brand": brand, "theme": theme, "user": _Visitor(), "messages": (), "app": app}
    return _UNUSED.sub("", render_to_string(template, {**context, **more}, request))


def _sign_in(request: HttpRequest, brand: Branding, theme: str) -> str:
    form = SignInForm()
    more = {"form": form, "signup_url": reverse("account_signup"), "inactive_sessions": ()}
    return _page(request, brand, theme, "account/login.html", **more, login_hint="")


def _consent(request: HttpRequest, brand: Branding, theme: str) -> str:
    details = [(_("Your name"), "Ana Lima"), (_("Your email address"), _Visitor.shown_email)]
    return _page(request, brand, theme, "consent.html", details=details, continue_path="/")


def _email(_request: HttpRequest, brand: Branding, theme: str) -> str:
    return letters.example(brand, theme)


_PAGES: tuple[tuple[str | Promise, Callable[[HttpRequest, Branding, str], str]], ...] = (
    (_("Sign-in"), _sign_in),
    (_("Consent"), _consent),
    (_("Email"), _email),
)
