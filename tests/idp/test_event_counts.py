"""Numbers of events: each event once, in its hour, and of apps that exist in their day."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from idp import event_counts
from idp.event_counts import SETTLES_WITHIN, busiest, count_events, hours
from idp.models import CountedUntil, Event, EventCount
from tests.relying_party import make_client, unique

#: Long ago, when no other test has events.
NOW = datetime(2011, 3, 5, 14, 30, tzinfo=UTC)
HOUR = timedelta(hours=1)


def mark() -> None:
    """Take all events for counted that exist."""
    last = Event.objects.order_by("-id").values_list("id", flat=True).first() or 0
    CountedUntil.objects.update_or_create(pk=1, defaults={"event_id": last})


@pytest.fixture(autouse=True)
def counted_so_far() -> Iterator[None]:
    """All events are counted, and none is in these hours."""
    mark()
    EventCount.objects.filter(begins_at__lte=NOW).delete()
    yield
    Event.objects.filter(at__lte=NOW + HOUR).delete()


def happened(kind: str, at: datetime = NOW - HOUR, **columns: object) -> Event:
    return Event.objects.create(kind=kind, at=at, **columns)


def count_of(kind: str, at: datetime) -> int:
    (hour,) = hours(at, 1)
    return hour.counts[kind]


def test_each_event_is_counted_once_in_its_hour() -> None:
    for at in (NOW - 2 * HOUR, NOW - HOUR, NOW - HOUR):
        happened("signed-in", at)
    happened("sign-in-failed", times=7)
    happened("consented")
    assert count_events(NOW) == 5
    assert count_events(NOW) == 0
    assert [hour.counts["signed-in"] for hour in hours(NOW, 4)] == [0, 1, 2, 0]
    assert count_of("sign-in-failed", NOW - HOUR) == 7
    assert not EventCount.objects.filter(kind="consented").exists()
    happened("signed-in")
    count_events(NOW)
    assert count_of("signed-in", NOW - HOUR) == 3


def test_an_event_waits_until_it_is_settled() -> None:
    happened("denied", NOW - SETTLES_WITHIN + timedelta(seconds=1))
    assert count_events(NOW) == 0
    assert count_events(NOW + timedelta(seconds=1)) == 1


def test_new_people_are_those_who_signed_up_and_those_whom_operators_made() -> None:
    happened("signed-up")
    happened("created", target="user ana@example.com")
    happened("created", target="client bakery")
    count_events(NOW)
    assert count_of("signed-up", NOW - HOUR) == 2


def test_the_busiest_apps_are_of_today_and_yesterday_and_exist() -> None:
    bakery, wiki = (make_client().client_id for _ in range(2))
    mark()
    for client_id, at in (
        *[(bakery, NOW - HOUR)] * 2,
        *[(bakery, NOW - 20 * HOUR)] * 2,
        *[(wiki, NOW - HOUR)] * 3,
        *[(unique("nobody"), NOW - HOUR)] * 9,
        *[("", NOW - HOUR)] * 9,
        *[(wiki, NOW - 50 * HOUR)] * 9,
    ):
        happened("signed-in", at, client_id=client_id)
    count_events(NOW)
    assert busiest("signed-in", NOW, 5) == [(bakery, 4), (wiki, 3)]
    assert busiest("signed-in", NOW, 1) == [(bakery, 4)]
    assert event_counts.of_app_today(wiki, "signed-in", NOW) == 3


def test_batches_are_bounded_and_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_counts, "_BATCH", 3)
    monkeypatch.setattr(event_counts, "_BATCHES", 2)
    for _ in range(8):
        happened("denied")
    assert [count_events(NOW) for _ in range(3)] == [6, 2, 0]
    assert count_of("denied", NOW - HOUR) == 8


def test_a_worker_that_dies_in_a_batch_counts_it_later(monkeypatch: pytest.MonkeyPatch) -> None:
    happened("denied")
    happened("denied", NOW - 2 * HOUR)
    added = event_counts._add

    def die(key: tuple, count: int) -> None:
        added(key, count)
        raise KeyboardInterrupt

    monkeypatch.setattr(event_counts, "_add", die)
    with pytest.raises(KeyboardInterrupt):
        count_events(NOW)
    monkeypatch.setattr(event_counts, "_add", added)
    assert count_events(NOW) == 2
    assert count_of("denied", NOW - HOUR) == count_of("denied", NOW - 2 * HOUR) == 1


def test_the_first_count_begins_with_the_last_days() -> None:
    CountedUntil.objects.all().delete()
    happened("denied", NOW - timedelta(days=3))
    happened("denied", NOW - timedelta(days=1))
    count_events(NOW)
    assert sum(hour.counts["denied"] for hour in hours(NOW, 24 * 4)) == 1
