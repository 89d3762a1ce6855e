"""Several workers count the same events at once: each event is counted once."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from threading import Barrier

from django.db import OperationalError, connection

from idp.event_counts import count_events, hours
from idp.models import CountedUntil, Event, EventCount

NOW = datetime(2012, 3, 5, 14, 30, tzinfo=UTC)
WORKERS = 4
EVENTS = 2500


def test_workers_that_count_together_count_each_event_once() -> None:
    last = Event.objects.order_by("-id").values_list("id", flat=True).first() or 0
    CountedUntil.objects.update_or_create(pk=1, defaults={"event_id": last})
    EventCount.objects.filter(begins_at__lte=NOW).delete()
    Event.objects.bulk_create(
        Event(kind="signed-in", at=NOW - timedelta(hours=1 + number % 3))
        for number in range(EVENTS)
    )
    together = Barrier(WORKERS)

    def work(_number: int) -> None:
        together.wait()
        try:
            for _round in range(10):
                try:
                    count_events(NOW)
                except OperationalError:  # SQLite is locked: the worker's next round comes
                    continue
        finally:
            connection.close()

    with ThreadPoolExecutor(WORKERS) as threads:
        list(threads.map(work, range(WORKERS)))
    count_events(NOW)
    assert sum(hour.counts["signed-in"] for hour in hours(NOW, 6)) == EVENTS
    Event.objects.filter(at__lte=NOW).delete()
