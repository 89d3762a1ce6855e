"""Session limits: how long a session lasts, idle and absolutely. ASVS 7.3.1, 7.3.2."""

from datetime import datetime, timedelta
from functools import cache
from typing import NamedTuple

from django.conf import settings
from django.db.models import Q

from accounts.models import Session


class SessionFacts(NamedTuple):
    """The facts that decide whether a session has expired, for readers without the whole row."""

    ended_at: datetime | None
    last_seen_at: datetime
    authenticated_at: datetime
    until_closed: bool


def has_ended(session: Session | SessionFacts, now: datetime) -> bool:
    """Whether a session of a browser was ended, or has reached a limit."""
    idle, absolute = _limits(until_closed=session.until_closed)
    return (
        session.ended_at is not None
        or now - session.last_seen_at >= idle
        or now - session.authenticated_at >= absolute
    )


def at_a_limit(now: datetime) -> Q:
    """Return the condition for sessions that have reached a limit."""
    found = Q()
    for until_closed in (True, False):
        idle, absolute = _limits(until_closed=until_closed)
        since = Q(last_seen_at__lte=now - idle) | Q(authenticated_at__lte=now - absolute)
        found |= Q(until_closed=until_closed) & since
    return found & Q(lasting=False)


@cache
def _limits(*, until_closed: bool) -> tuple[timedelta, timedelta]:
    """Return how long a session lasts since the last visit, and since the user authenticated."""
    idle, absolute = (
        (settings.IDP_SESSION_IDLE_HOURS, settings.IDP_SESSION_HOURS)
        if until_closed
        else (settings.IDP_STAY_SIGNED_IN_IDLE_HOURS, settings.IDP_STAY_SIGNED_IN_HOURS)
    )
    return timedelta(hours=idle), timedelta(hours=absolute)
