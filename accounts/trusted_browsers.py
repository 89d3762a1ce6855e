"""Trusted browsers: those at which a user is not asked for the second factor for some days.

A cookie identifies the browser; a row for each account that trusts it has the cookie's hash. The
row is void once password, second factors or the key of known browsers of the account have changed
(`accounts.known_browsers`), whatever changed them. Such a sign-in has a single factor, and is
recorded as that: where more is required, the second factor is asked for afterwards.
"""

import re
import secrets
from datetime import timedelta

from django.conf import settings
from django.db.models import QuerySet
from django.dispatch import Signal
from django.http import HttpRequest, HttpResponseBase
from django.utils import timezone

from accounts.allauth_door import factors
from accounts.models import TrustedBrowser, User
from accounts.sessions import is_unchanged
from foundation.client_address import client_address
from foundation.statements import hash_of

#: How many browsers one account may trust; the oldest make room.
MOST = 20
#: With `request`, `user` and the `browser`, a row.
browser_trusted = Signal()
trust_ended = Signal()
_COOKIE = re.compile(r"[A-Za-z0-9_-]{43}")


def is_offered() -> bool:
    """Whether users may trust browsers (`IDP_TRUSTED_BROWSER_DAYS`)."""
    return settings.IDP_TRUSTED_BROWSER_DAYS > 0


def is_trusted(request: HttpRequest, user: User) -> bool:
    """Whether this user trusts this browser; records the use."""
    row = of_this_browser(request, user)
    if row is None or not is_offered():
        return False
    TrustedBrowser.objects.filter(pk=row.pk).update(last_used_at=timezone.now())
    return True


def of_this_browser(request: HttpRequest, user: User) -> TrustedBrowser | None:
    """Return the row of this browser if the user trusts it, else None."""
    browser = _browser_of(request)
    if browser is None:
        return None
    rows = _unexpired(user).filter(browser=browser)
    return next((row for row in rows if _is_valid(row, user)), None)


def trusted_by(user: User) -> list[TrustedBrowser]:
    """Return the browsers that a user trusts, the newest first."""
    rows = _unexpired(user).order_by("-created_at")
    return [row for row in rows if _is_valid(row, user)]


def trust(request: HttpRequest, response: HttpResponseBase, user: User) -> None:
    """Trust this browser for this user, who has just used the second factor.

    The cookie changes, since one from before may have been planted.
    """
    known, value, now = _browser_of(request), secrets.token_urlsafe(32), timezone.now()
    browser = hash_of(value)
    if known is not None:
        TrustedBrowser.objects.filter(browser=known, user=user).delete()
        TrustedBrowser.objects.filter(browser=known).update(browser=browser)
    row = TrustedBrowser.objects.create(
        user=user,
        browser=browser,
        password_hash=user.get_session_auth_hash(),
        factors_hash=_fingerprint(user),
        user_agent=request.headers.get("User-Agent", "")[:400],
        ip_address=client_address(request),
        created_at=now,
        last_used_at=now,
        expires_at=now + timedelta(days=settings.IDP_TRUSTED_BROWSER_DAYS),
    )
    _drop_oldest(user)
    _set_cookie(response, value)
    browser_trusted.send(sender=TrustedBrowser, request=request, user=user, browser=row)


def end(request: HttpRequest, row: TrustedBrowser) -> None:
    """End the trust of one browser."""
    if TrustedBrowser.objects.filter(pk=row.pk).delete()[0]:
        trust_ended.send(sender=TrustedBrowser, request=request, user=row.user, browser=row)


def keep_only(row: TrustedBrowser | None, user: User) -> None:
    """End the trust of all browsers but one, of this row, after the others were signed out.

    `known_browsers.forget` has voided them all.
    """
    kept = [row.pk] if row else []
    TrustedBrowser.objects.filter(user=user).exclude(pk__in=kept).delete()
    TrustedBrowser.objects.filter(pk__in=kept).update(factors_hash=_fingerprint(user))


def _unexpired(user: User) -> "QuerySet[TrustedBrowser]":
    return TrustedBrowser.objects.filter(user=user, expires_at__gt=timezone.now())


def _is_valid(row: TrustedBrowser, user: User) -> bool:
    """Whether neither the password nor the second factors have changed since."""
    return is_unchanged(row.password_hash, user) and row.factors_hash == _fingerprint(user)


def _fingerprint(user: User) -> str:
    """Return a hash of the account's second factors, and of its key of known browsers.

    A renewed set of recovery codes is another row, with another number.
    """
    numbers = factors.of(user).order_by("pk").values_list("pk", flat=True)
    return hash_of(" ".join([user.known_browsers_key, *map(str, numbers)]))


def _drop_oldest(user: User) -> None:
    rows = TrustedBrowser.objects.filter(user=user)
    kept = list(rows.order_by("-created_at").values_list("pk", flat=True)[:MOST])
    rows.exclude(pk__in=kept).delete()


def _browser_of(request: HttpRequest) -> str | None:
    """Return the hash of this browser's cookie, or None."""
    value = request.COOKIES.get(settings.TRUSTED_BROWSER_COOKIE_NAME, "")
    return hash_of(value) if _COOKIE.fullmatch(value) else None


def _set_cookie(response: HttpResponseBase, value: str) -> None:
    response.set_cookie(
        settings.TRUSTED_BROWSER_COOKIE_NAME,
        value,
        max_age=timedelta(days=settings.IDP_TRUSTED_BROWSER_DAYS),
        path=settings.SESSION_COOKIE_PATH,
        secure=settings.SESSION_COOKIE_SECURE,
        httponly=True,
        samesite="Lax",
    )
