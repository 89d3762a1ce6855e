"""Add up events: by kind and hour, and by kind, day and app.

The worker counts the events since its last mark, by index, in batches. The mark and the counts of a
batch change in one transaction, so that an event is counted once, also by two workers, and after a
restart.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import takewhile

from django.db import transaction
from django.db.models import F

from idp.models import Client, CountedUntil, Event, EventCount

Kind = Event.Kind
#: Events of one transaction, and batches of one round.
_BATCH = 1000
_BATCHES = 50
#: An event is counted once it is this old: `times` grows for a minute, and a transaction that began
#: earlier may add an event with a smaller key later.
SETTLES_WITHIN = timedelta(seconds=90)
#: How far back the first count goes.
_BEGINS = timedelta(days=2)
#: The kinds that are counted; of an app as well, for some.
_KINDS = frozenset(
    {Kind.SIGNED_IN, Kind.SIGN_IN_FAILED, Kind.SIGNED_UP, Kind.DENIED, Kind.REGISTERED}
)
_KINDS_OF_APPS = frozenset({Kind.SIGNED_IN, Kind.DENIED})
_HOUR, _DAY = EventCount.Period
#: A period, its beginning, the kind, and the app of a day.
_Key = tuple[EventCount.Period, datetime, str, str]
_MARK = 1


@dataclass(frozen=True)
class Hour:
    """The numbers of one hour, by kind."""

    begins_at: datetime
    counts: Counter[str]


@dataclass(frozen=True)
class Day:
    """The numbers of one day (UTC) of an app, by kind."""

    begins_at: datetime
    counts: Counter[str]


def count_events(now: datetime) -> int:
    """Count the events that have settled since the last round; return their number."""
    counted = 0
    for _ in range(_BATCHES):
        batch = _count_batch(now)
        counted += batch
        if batch < _BATCH:
            break
    return counted


def _count_batch(now: datetime) -> int:
    """Count a batch; return how many events it had. Nothing is counted if another worker did."""
    mark = _mark(now)
    following = Event.objects.filter(id__gt=mark.event_id).order_by("id").only(*_READ)[:_BATCH]
    events = list(takewhile(lambda event: event.at <= now - SETTLES_WITHIN, following))
    if not events:
        return 0
    counts = _added_up(events)
    with transaction.atomic():
        unchanged = CountedUntil.objects.filter(pk=_MARK, event_id=mark.event_id)
        if not unchanged.update(event_id=events[-1].pk):
            return 0
        for key, count in sorted(counts.items()):
            _add(key, count)
    return len(events)


_READ = ("id", "at", "kind", "client_id", "target", "times")


def _mark(now: datetime) -> CountedUntil:
    """Return the mark; the first one is before the events of the last days."""
    mark = CountedUntil.objects.filter(pk=_MARK).first()
    if mark is None:
        before = Event.objects.filter(at__lt=now - _BEGINS).order_by("-at").values_list("id")
        (last,) = before.first() or (0,)
        mark, _ = CountedUntil.objects.get_or_create(pk=_MARK, defaults={"event_id": last})
    return mark


def _added_up(events: Sequence[Event]) -> Counter[_Key]:
    """Return the counts of these events; those of clients that do not exist only by hour."""
    known = _known(event.client_id for event in events if event.kind in _KINDS_OF_APPS)
    counts: Counter[_Key] = Counter()
    for event in events:
        kind = _counted_as(event)
        if kind is None:
            continue
        hour = hour_of(event.at)
        counts[_HOUR, hour, kind, ""] += event.times
        if kind in _KINDS_OF_APPS and event.client_id in known:
            counts[_DAY, hour.replace(hour=0), kind, event.client_id] += event.times
    return counts


def _counted_as(event: Event) -> str | None:
    """Return the kind that an event counts as; users that operators make are new people, too."""
    if event.kind == Kind.CREATED and event.target.startswith("user "):
        return Kind.SIGNED_UP.value
    return event.kind if event.kind in _KINDS else None


def _known(client_ids: Iterable[str]) -> set[str]:
    return set(
        Client.objects.filter(client_id__in=set(client_ids)).values_list("client_id", flat=True)
    )


def _add(key: _Key, count: int) -> None:
    """Add to a count; the transaction holds the mark, so that no other one does."""
    row = dict(zip(("period", "begins_at", "kind", "client_id"), key, strict=True))
    if not EventCount.objects.filter(**row).update(count=F("count") + count):
        EventCount.objects.create(**row, count=count)


def hour_of(at: datetime) -> datetime:
    """Return the beginning of the hour of a time."""
    return at.replace(minute=0, second=0, microsecond=0)


def hours(now: datetime, number: int) -> list[Hour]:
    """Return the numbers of the last hours, the present one last."""
    first = hour_of(now) - timedelta(hours=number - 1)
    rows = EventCount.objects.filter(period=_HOUR, begins_at__gte=first)
    found: dict[datetime, Counter[str]] = {}
    for begins_at, kind, count in rows.values_list("begins_at", "kind", "count"):
        found.setdefault(begins_at, Counter())[kind] += count
    all_hours = (first + timedelta(hours=number) for number in range(number))
    return [Hour(begins_at, found.get(begins_at, Counter())) for begins_at in all_hours]


def busiest(kind: str, now: datetime, most: int) -> list[tuple[str, int]]:
    """Return the apps with most events of a kind yesterday and today, with their numbers."""
    today = hour_of(now).replace(hour=0)
    counts: Counter[str] = Counter()
    for day in (today, today - timedelta(days=1)):
        rows = EventCount.objects.filter(period=_DAY, kind=kind, begins_at=day)
        counts.update(dict(rows.order_by("-count").values_list("client_id", "count")[: 4 * most]))
    return counts.most_common(most)


def of_app_today(client_id: str, kind: str, now: datetime) -> int:
    """Return how many events of a kind an app had today (UTC)."""
    today = hour_of(now).replace(hour=0)
    rows = EventCount.objects.filter(period=_DAY, begins_at=today, kind=kind, client_id=client_id)
    return rows.values_list("count", flat=True).first() or 0


def of_app_by_day(client_id: str, now: datetime, number: int) -> list[Day]:
    """Return the numbers of an app's last days (UTC), today last."""
    today = hour_of(now).replace(hour=0)
    days = [today - timedelta(days=ago) for ago in reversed(range(number))]
    rows = EventCount.objects.filter(
        period=_DAY, begins_at__in=days, kind__in=_KINDS_OF_APPS, client_id=client_id
    )
    found: dict[datetime, Counter[str]] = {}
    for begins_at, kind, count in rows.values_list("begins_at", "kind", "count"):
        found.setdefault(begins_at, Counter())[kind] += count
    return [Day(day, found.get(day, Counter())) for day in days]
