"""Metrics of the database: sessions, outboxes, signs of life, keys."""

import time
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from typing import Any, Final

from django.db import Error, connection
from django.utils import timezone
from prometheus_client.core import GaugeMetricFamily

from accounts.models import Session
from foundation.models import Heartbeat, Mail
from foundation.outbox import OutboxRow, State
from idp.models import BackchannelNotification, Delivery, SigningKey

#: Seconds for which the number of sessions is remembered: counting a million takes a while.
_COUNTED_EVERY: Final = 60


class DatabaseMetrics:
    """What the database knows, read when it is asked for. Each statement reads few rows."""

    def __init__(self) -> None:
        self._sessions = 0
        self._counted_at = float("-inf")

    def collect(self) -> Iterator[Any]:
        """Yield the metrics; if the database does not answer, that alone."""
        try:
            with closing(connection):
                found = list(self._found(timezone.now()))
        except Error:
            found = []
        yield _gauge("signet_database_up", "Whether the database answers.", bool(found))
        yield from found

    def _found(self, now: datetime) -> Iterator[Any]:
        yield _gauge("signet_sessions", "Sessions that have not ended.", self._session_count())
        yield from _outboxes(now)
        yield from _signs_of_life()
        yield from _keys(now)

    def _session_count(self) -> int:
        if time.monotonic() - self._counted_at > _COUNTED_EVERY:
            self._sessions = Session.objects.filter(ended_at=None).count()
            self._counted_at = time.monotonic()
        return self._sessions


def _gauge(name: str, words: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, words, value=value)


def _outboxes(now: datetime) -> Iterator[Any]:
    depth = GaugeMetricFamily(
        "signet_outbox_messages", "Messages that wait to be sent.", labels=["outbox"]
    )
    delay = GaugeMetricFamily(
        "signet_outbox_delay_seconds",
        "For how long the oldest message that should have been sent is late.",
        labels=["outbox"],
    )
    outboxes: dict[str, type[OutboxRow]] = {
        "mail": Mail,
        "logout": Delivery,
        "backchannel": BackchannelNotification,
    }
    for name, model in outboxes.items():
        waiting = model._default_manager.filter(state=State.WAITING)
        oldest = waiting.order_by("due_at").values_list("due_at", flat=True).first()
        depth.add_metric([name], waiting.count())
        delay.add_metric([name], max(0, (now - oldest).total_seconds()) if oldest else 0)
    yield depth
    yield delay


def _signs_of_life() -> Iterator[Any]:
    for beat in Heartbeat.objects.all():
        yield _gauge(
            f"signet_{beat.name}_last_seen_timestamp_seconds",
            "When the worker last worked, or a message was last sent.",
            beat.at.timestamp(),
        )


def _keys(now: datetime) -> Iterator[Any]:
    age = GaugeMetricFamily(
        "signet_signing_key_age_seconds",
        "For how long the key that signs now has done so.",
        labels=["algorithm"],
    )
    for key in SigningKey.objects.filter(state=SigningKey.State.ACTIVE):
        since = key.activated_at or key.created_at
        age.add_metric([key.algorithm], (now - since).total_seconds())
    yield age
