"""How the last sign-in at a browser was done, marked on its sign-in page.

The cookie has one of a few words, and no account.
"""

from django.conf import settings
from django.http import HttpRequest, HttpResponseBase

from accounts.allauth_door import sign_ins
from accounts.models import User
from accounts.sessions import first_method

#: allauth's name of a first factor → the way in on the sign-in page.
_WAYS = {"password": "password", "mfa": "passkey", "code": "code"}
_SECONDS = 180 * 24 * 3600


def of(request: HttpRequest) -> str:
    """Return the way that this browser was used to sign in last; empty if it is unknown."""
    way = request.COOKIES.get(settings.LAST_METHOD_COOKIE_NAME, "")
    return way if way in _WAYS.values() else ""


def remember(request: HttpRequest, response: HttpResponseBase, user: User) -> None:
    """Keep the way in which this user has just signed in."""
    way = _WAYS.get(first_method(sign_ins.records_of(request, user)))
    if way is None:
        return
    response.set_cookie(
        settings.LAST_METHOD_COOKIE_NAME,
        way,
        max_age=_SECONDS,
        path=settings.SESSION_COOKIE_PATH,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )
