"""Context processor of every page: languages and whether signing up is open."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest

from accounts import account_switching
from accounts.next import next_of
from accounts.preferences import theme_of
from accounts.sessions import session_of
from foundation import branding


def pages(request: HttpRequest) -> dict[str, Any]:
    """Return what the layout needs; `next` is the page after a step of signing in."""
    return {
        "brand": branding.current(),
        "issuer_host": settings.IDP_ORIGIN.partition("://")[2],
        "signup_open": settings.IDP_SIGNUP == "open",
        "email_code_sign_in": settings.IDP_EMAIL_CODE_SIGN_IN,
        "theme": theme_of(request),
        "next": next_of(request),
        "present_session": lambda: session_of(request),
        "inactive_sessions": lambda: account_switching.others(request),
    }
