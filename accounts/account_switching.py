"""Account switching: several accounts in one browser, one present session and inactive ones.

An inactive session has no cookie of its own. Its row keeps what Django's session held, and a new
session key is made when it returns. The browser finds its rows by one HttpOnly cookie. That cookie
changes, like a session key, before a new sign-in is stored under it, against fixation. ASVS 7.2.4.
"""

import re
import secrets
from datetime import timedelta

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY, logout
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import rotate_token
from django.utils import timezone

from accounts.models import InactiveSession, Session, User
from accounts.sessions import (
    KEY,
    Ending,
    end_sessions,
    is_unchanged,
    is_valid,
    session_of,
)
from foundation.statements import hash_of

#: How many accounts may be signed in at one browser.
MOST = 5
#: Session key: the hash of the cookie under which the present session may be made inactive.
_BROWSER = "accounts_browser"
_ID = re.compile(r"[A-Za-z0-9_-]{43}")


def others(request: HttpRequest) -> list[InactiveSession]:
    """Return the inactive sessions of this browser, the oldest first.

    Sends no statement if the browser has no such cookie, otherwise one per request.
    """
    if not hasattr(request, "inactive_sessions"):
        request.inactive_sessions = _find(request)  # type: ignore[attr-defined]
    return request.inactive_sessions  # type: ignore[attr-defined, no-any-return]


def sessions_of(request: HttpRequest) -> list[Session]:
    """Return the sessions of this browser, the present one first."""
    present = session_of(request)
    inactive = [row.session for row in others(request)]
    return [present, *inactive] if present else inactive


def has_room(request: HttpRequest) -> bool:
    """Whether one more account may be signed in here."""
    return len(others(request)) + (session_of(request) is not None) < MOST


def make_inactive(request: HttpRequest) -> None:
    """Make the present session inactive, if there is one, and begin an empty one."""
    browser = _browser_with_inactive(request)
    present = session_of(request)
    if present is not None:
        InactiveSession.objects.update_or_create(
            session=present,
            defaults={
                "browser": browser,
                "password_hash": request.session[HASH_SESSION_KEY],
                "until_closed": request.session.get_expire_at_browser_close(),
                "expires_at": timezone.now() + timedelta(seconds=settings.SESSION_COOKIE_AGE),
            },
        )
    request.session.flush()
    request.session[_BROWSER] = browser
    _is_now(request, None)


def switch_to(request: HttpRequest, session_id: str) -> bool:
    """Switch to another account of this browser; return whether its session is valid."""
    wanted = next((row for row in others(request) if row.session_id == session_id), None)
    if wanted is None:
        return False
    make_inactive(request)
    request.session[SESSION_KEY] = str(wanted.session.user_id)
    request.session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    request.session[HASH_SESSION_KEY] = wanted.password_hash
    request.session[KEY] = wanted.session_id
    if wanted.until_closed:
        request.session.set_expiry(0)
    _is_now(request, wanted.session)
    return True


def resume(request: HttpRequest, user: User) -> None:
    """Resume the inactive session of a user who signs in, if this browser has one."""
    inactive = next((row for row in others(request) if row.session.user_id == user.pk), None)
    if inactive is not None:
        request.session[KEY] = inactive.session_id
        inactive.delete()
        _forget_what_was_read(request)


def sign_out(request: HttpRequest, session_id: str) -> None:
    """End one session of this browser: the present one or an inactive one."""
    present = session_of(request)
    if present is not None and present.pk == session_id:
        _sign_out_here(request)
        return
    end_sessions(
        [row.session for row in others(request) if row.session_id == session_id], Ending.SIGNED_OUT
    )
    _forget_what_was_read(request)


def sign_out_of_all(request: HttpRequest) -> None:
    """End every session of this browser."""
    end_sessions([row.session for row in others(request)], Ending.SIGNED_OUT)
    _sign_out_here(request)


def keep_cookie(request: HttpRequest, response: HttpResponse) -> None:
    """Set the browser's cookie, or delete it if no session is inactive any more.

    The cookie outlives the browser's closing only if all inactive users asked to stay signed in.
    """
    value = getattr(request, "browser_cookie", request.COOKIES.get(settings.ACCOUNTS_COOKIE_NAME))
    if value is None:
        return
    rows = others(request)
    if not rows:
        response.delete_cookie(
            settings.ACCOUNTS_COOKIE_NAME, path=settings.SESSION_COOKIE_PATH, samesite="Lax"
        )
        return
    response.set_cookie(
        settings.ACCOUNTS_COOKIE_NAME,
        value,
        max_age=None if any(row.until_closed for row in rows) else settings.SESSION_COOKIE_AGE,
        path=settings.SESSION_COOKIE_PATH,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )


def _find(request: HttpRequest) -> list[InactiveSession]:
    browser = _browser_of(request)
    if browser is None:
        return []
    present = session_of(request)
    now = timezone.now()
    rows = (
        InactiveSession.objects.select_related("session__user")
        .filter(browser=browser, expires_at__gt=now)
        .exclude(pk=present.pk if present else "")
        .order_by("session__created_at")
    )
    return [
        row
        for row in rows
        if is_valid(row.session, now) and is_unchanged(row.password_hash, row.session.user)
    ]


def _browser_of(request: HttpRequest) -> str | None:
    """Return the hash of this browser's cookie, or None."""
    known: str | None = getattr(request, "browser_cookie", None)
    value = known or request.COOKIES.get(settings.ACCOUNTS_COOKIE_NAME, "")
    return hash_of(value) if _ID.fullmatch(value) else None


def _browser_with_inactive(request: HttpRequest) -> str:
    """Return the cookie to make sessions inactive under: the present session's, or a new one.

    A cookie from before the sign-in may have been planted, so it is not used.
    """
    known = _browser_of(request)
    if known is not None and request.session.get(_BROWSER) == known:
        return known
    value = secrets.token_urlsafe(32)
    request.browser_cookie = value  # type: ignore[attr-defined]
    browser = hash_of(value)
    if known is not None:
        InactiveSession.objects.filter(browser=known).update(browser=browser)
    return browser


def _sign_out_here(request: HttpRequest) -> None:
    """Sign out and rotate the CSRF token: forms in other tabs are for another account."""
    logout(request)
    rotate_token(request)
    _forget_what_was_read(request)


def _is_now(request: HttpRequest, session: Session | None) -> None:
    """Set the present user and rotate the CSRF token: forms in other tabs become invalid."""
    request.signed_in_session = session  # type: ignore[attr-defined]
    request.user = session.user if session else AnonymousUser()
    rotate_token(request)
    _forget_what_was_read(request)


def _forget_what_was_read(request: HttpRequest) -> None:
    vars(request).pop("inactive_sessions", None)
