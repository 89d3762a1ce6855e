"""A user's activity, page by page, the newest first: events, and the sharing history.

Each page reads a bounded number of rows by an index, however many there are.
"""

import heapq
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from accounts.models import User
from accounts.sessions import Ending
from idp import policy, sharing
from idp.models import Event
from idp.sharing import Shared

Kind = Event.Kind
#: Entries of a page, and events that are read for it: failed attempts are put together.
ENTRIES = 40
_EVENTS = 400
#: What users are shown. Denied requests are for operators and owners of clients.
SHOWN = (
    *(Kind.SIGNED_IN, Kind.SIGN_IN_FAILED, Kind.SIGNED_UP),
    *(Kind.EMAIL_VERIFIED, Kind.PASSWORD_CHANGED, Kind.EMAIL_CHANGED, Kind.EMAIL_RESTORED),
    *(Kind.FACTOR_ADDED, Kind.FACTOR_REMOVED, Kind.NOT_ME),
    *("profile-changed", "factor-renamed", "browser-trusted", "trust-ended"),
    *(Kind.DELETION_ASKED, Kind.DELETION_UNDONE, Kind.CONSENTED, Kind.WITHDRAWN),
    *(Kind.ACCOUNT_CONNECTED, Kind.ACCOUNT_DISCONNECTED),
    *(Kind.TERMS_ACCEPTED, Kind.DEVICE_APPROVED, Kind.DEVICE_DENIED, Kind.DEVICE_CODE_WRONG),
    *(Kind.SIGN_IN_ASKED, Kind.SIGN_IN_APPROVED, Kind.SIGN_IN_DENIED),
    *(Kind.TERMS_ACCEPTED, Kind.EXCHANGED),
    *(Kind.CREATED, Kind.CHANGED, Kind.ADMIN_ACTION, Kind.EXPORTED),
)
_ENDINGS = frozenset(
    {
        *(Ending.SIGNED_OUT, Ending.SIGNED_OUT_ELSEWHERE, Ending.SIGNED_OUT_UPSTREAM),
        *(Ending.OPERATOR, Ending.EXPIRED),
    }
)
#: Changes that a thief makes to keep an account, or to get at what it gives.
CHANGES = (
    *(Kind.PASSWORD_CHANGED, Kind.EMAIL_CHANGED, Kind.FACTOR_ADDED, Kind.FACTOR_REMOVED),
    *(Kind.CONSENTED, Kind.EXPORTED, Kind.DELETION_ASKED, "browser-trusted", "profile-changed"),
    *(Kind.DEVICE_APPROVED, Kind.SIGN_IN_APPROVED, Kind.ACCOUNT_CONNECTED),
)
_CHANGES_SHOWN, _CHANGES_WITHIN = 20, timedelta(days=30)
_CURSOR = re.compile(r"([0-9]{1,18})-([0-9]{1,16})")
_AFTER_ALL = 10**18 - 1
_MICROSECOND = timedelta(microseconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class Entry:
    """An event, failed attempts of one day that came one after the other, or what was shared."""

    at: datetime
    #: The oldest event of the entry; None for what was shared.
    event: Event | None = None
    shared: Shared | None = None
    #: How often it happened.
    times: int = 1


@dataclass(frozen=True)
class Cursor:
    """Where a page begins: after this event, and before this time for what was shared."""

    event_id: int
    shared_before: datetime

    def __str__(self) -> str:
        return f"{self.event_id}-{(self.shared_before - _EPOCH) // _MICROSECOND}"

    @classmethod
    def parsed(cls, text: str) -> "Cursor | None":
        """Return the cursor that a text is, or None."""
        found = _CURSOR.fullmatch(text)
        if found is None:
            return None
        return cls(int(found[1]), _EPOCH + int(found[2]) * _MICROSECOND)


@dataclass(frozen=True)
class Page:
    """Entries, the newest first, and where the next page begins if there is one."""

    entries: list[Entry]
    older: Cursor | None


def page_of(user: User, cursor: Cursor | None, now: datetime) -> Page:
    """Return the page of a user's activity after `cursor`, or the first."""
    since = now - policy.ACTIVITY_SHOWN_FOR
    begins = cursor or Cursor(_AFTER_ALL, now + timedelta(minutes=1))
    read = _events_of(user, begins.event_id)
    has_more = len(read) == _EVENTS and read[-1].at >= since
    events = [event for event in read if event.at >= since and _is_shown(event)]
    shared = [
        Entry(one.at, shared=one)
        for one in sharing.of(user, since, begins.shared_before, ENTRIES + 1)
        if not has_more or one.at >= read[-1].at
    ]
    merged = heapq.merge(_put_together(events), shared, key=lambda entry: entry.at, reverse=True)
    entries = list(merged)
    if len(entries) > ENTRIES:
        page = entries[:ENTRIES]
        return Page(page, _after(page, begins))
    if has_more:
        return Page(entries, Cursor(read[-1].pk, _after(entries, begins).shared_before))
    return Page(entries, None)


def recent_changes(user: User, now: datetime) -> list[Event]:
    """Return the newest changes of an account that a thief could have made."""
    since = now - _CHANGES_WITHIN
    read = _events_of(user, _AFTER_ALL)
    return [event for event in read if event.kind in CHANGES and event.at >= since][:_CHANGES_SHOWN]


def _events_of(user: User, before_id: int) -> list[Event]:
    """Return events of a user before this one, the newest first, by the index on user and id."""
    return list(Event.objects.filter(user=user, pk__lt=before_id).order_by("-pk")[:_EVENTS])


def _is_shown(event: Event) -> bool:
    """Whether users are shown an event: of ended sessions, what no other event explains."""
    if event.kind == Kind.SESSION_ENDED:
        return bool(event.client_id) or event.details.get("ending") in _ENDINGS
    return event.kind in SHOWN


def _put_together(events: Iterable[Event]) -> Iterator[Entry]:
    """Return an entry for each event, and one for failed attempts that follow each other."""
    run: list[Event] = []
    for event in events:
        if run and not (_has_failed(event) and _has_failed(run[-1]) and _same_day(event, run[-1])):
            yield _entry(run)
            run = []
        run.append(event)
    if run:
        yield _entry(run)


def _entry(run: list[Event]) -> Entry:
    return Entry(run[0].at, event=run[-1], times=sum(event.times for event in run))


def _has_failed(event: Event) -> bool:
    return event.kind == Kind.SIGN_IN_FAILED


def _same_day(one: Event, other: Event) -> bool:
    return one.at.astimezone(UTC).date() == other.at.astimezone(UTC).date()


def _after(page: list[Entry], begins: Cursor) -> Cursor:
    """Return where the page after this one begins."""
    events = [entry.event.pk for entry in page if entry.event is not None]
    shared = [entry.at for entry in page if entry.shared is not None]
    return Cursor(min(events, default=begins.event_id), min(shared, default=begins.shared_before))
