"""Known browsers: those at which a user has signed in to an account before.

Rate limits of an account count a known browser apart from unknown ones, so that wrong passwords of
others do not lock the user out (OWASP, "Device Cookies"). A browser is known by a signed entry of a
cookie, one for each account that was used at it. The entry grants nothing else. Changing the
password and `forget` invalidate the entries of an account.
"""

import re
import secrets
from contextlib import suppress
from datetime import timedelta

from django.conf import settings
from django.core.signing import BadSignature, TimestampSigner
from django.http import HttpRequest, HttpResponseBase

from accounts.models import User

VALID_FOR = timedelta(days=180)
#: Of how many accounts one browser has entries; the oldest make room.
MOST = 10
_SEPARATOR = "~"
_ENTRY = re.compile(r"[A-Za-z0-9_-]{16}:[0-9A-Za-z]{1,12}:[0-9A-Za-z_-]{43}")


def known_browser(request: HttpRequest, user: User) -> str | None:
    """Return the id of this browser if `user` has signed in at it before, else None."""
    return next(filter(None, (_id_in(entry, user) for entry in _entries(request))), None)


def new_id() -> str:
    """Return a random id for a browser that is not known yet."""
    return secrets.token_urlsafe(12)


def remember(
    request: HttpRequest, response: HttpResponseBase, user: User, browser: str = ""
) -> None:
    """Make the browser known to `user`, who has just signed in.

    `browser` is the id that the user's session there has (`Session.browser`), if it has one.
    """
    others = [entry for entry in _entries(request) if _id_in(entry, user) is None]
    browser = browser or known_browser(request, user) or new_id()
    response.set_cookie(
        settings.KNOWN_BROWSER_COOKIE_NAME,
        _SEPARATOR.join(
            [*others[1 - MOST :], _signer(user, user.get_session_auth_hash()).sign(browser)]
        ),
        max_age=VALID_FOR,
        path=settings.SESSION_COOKIE_PATH,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def forget(user: User) -> None:
    """Make every browser unknown to this account."""
    user.known_browsers_key = secrets.token_urlsafe(12)
    User.objects.filter(pk=user.pk).update(known_browsers_key=user.known_browsers_key)


def _entries(request: HttpRequest) -> list[str]:
    cookie = request.COOKIES.get(settings.KNOWN_BROWSER_COOKIE_NAME, "")
    entries = cookie.split(_SEPARATOR, maxsplit=MOST)[:MOST]
    return [entry for entry in entries if _ENTRY.fullmatch(entry)]


def _id_in(entry: str, user: User) -> str | None:
    """Return the browser's id, if the entry is one of this account as it is now.

    A new hash of the same password makes no browser unknown.
    """
    for password in (user.get_session_auth_hash(), *user.get_session_auth_fallback_hash()):
        with suppress(BadSignature):
            return _signer(user, password).unsign(entry, max_age=VALID_FOR)
    return None


def _signer(user: User, password: str) -> TimestampSigner:
    salt = f"accounts.known_browsers:{user.pk}:{user.known_browsers_key}:{password}"
    return TimestampSigner(salt=salt)
