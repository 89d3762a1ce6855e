"""The page of a user's own activity: sign-ins, changes, and what apps could see, by day."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta, tzinfo
from itertools import groupby
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from accounts.models import User
from accounts.sessions import session_of
from idp import policy
from idp.activity.entries import Cursor, page_of
from idp.endpoints.activity_words import Line, Words
from idp.endpoints.wire import methods


@login_required
@methods("GET", "HEAD")
def activity(request: HttpRequest) -> HttpResponse:
    """Show a page of the activity; `before` is where it begins."""
    session = session_of(request)
    if session is None:
        return redirect("account_login")
    now = timezone.now()
    page = page_of(session.user, Cursor.parsed(request.GET.get("before", "")), now)
    words = Words(page.entries)
    return render(
        request,
        "account/activity.html",
        {
            "days": _by_day(map(words.line, page.entries), now, _zone_of(session.user)),
            "older": page.older,
            "is_first": "before" not in request.GET,
            "for_days": policy.ACTIVITY_SHOWN_FOR.days,
        },
    )


def _by_day(lines: Iterable[Line], now: datetime, zone: tzinfo) -> list[tuple[str, list[Line]]]:
    days = groupby(lines, key=lambda line: line.entry.at.astimezone(zone).date())
    today = now.astimezone(zone).date()
    return [(_day(day, today), list(of_day)) for day, of_day in days]


def _zone_of(user: User) -> tzinfo:
    """Return the time zone of the user's profile, or UTC."""
    try:
        return ZoneInfo(user.zoneinfo) if user.zoneinfo else UTC
    except (OSError, ValueError, ZoneInfoNotFoundError):  # text of an operator's, or of old times
        return UTC


def _day(day: date, today: date) -> str:
    if day == today:
        return _("Today")
    return _("Yesterday") if day == today - timedelta(days=1) else date_format(day)
