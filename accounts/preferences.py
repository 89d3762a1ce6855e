"""The language and colours of the pages. A browser keeps them in cookies, an account keeps its own.

Every sign-in gives the browser those of the account.
"""

from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase

from accounts.models import User

#: What a user can choose instead of the colours of their device.
THEMES = ("light", "dark")
_LANGUAGES = {code for code, _ in settings.LANGUAGES}


def theme_of(request: HttpRequest) -> str:
    """Return the colours that this browser keeps; empty for those of the device."""
    theme = request.COOKIES.get(settings.THEME_COOKIE_NAME, "")
    return theme if theme in THEMES else ""


def save(user: User, **chosen: str) -> None:
    """Keep what a user chose: `language` and `theme`, of which unknown values are ignored."""
    known = {"language": {"", *_LANGUAGES}, "theme": {"", *THEMES}}
    changed = {name: value for name, value in chosen.items() if value in known[name]}
    for name, value in changed.items():
        setattr(user, name, value)
    if changed:
        User.objects.filter(pk=user.pk).update(**changed)


def give_to_browser(response: HttpResponseBase, user: User) -> None:
    """Set the cookies for what the user has chosen; leave the browser's for what they have not."""
    if user.language:
        _set_cookie(response, settings.LANGUAGE_COOKIE_NAME, user.language)
    if user.theme:
        _set_cookie(response, settings.THEME_COOKIE_NAME, user.theme)


def forget_theme(response: HttpResponseBase) -> None:
    """Return the browser to the colours of the device."""
    response.delete_cookie(settings.THEME_COOKIE_NAME, path=settings.LANGUAGE_COOKIE_PATH)


def _set_cookie(response: HttpResponseBase, name: str, value: str) -> None:
    attributes: dict[str, Any] = {
        "max_age": settings.LANGUAGE_COOKIE_AGE,
        "path": settings.LANGUAGE_COOKIE_PATH,
        "secure": settings.LANGUAGE_COOKIE_SECURE,
        "httponly": settings.LANGUAGE_COOKIE_HTTPONLY,
        "samesite": settings.LANGUAGE_COOKIE_SAMESITE,
    }
    response.set_cookie(name, value, **attributes)
