"""Signs of life: when the worker last worked, and when the last message was sent."""

import time
from math import inf

from django.utils import timezone

from foundation.models import Heartbeat

WORKER = "worker"
MAIL = "mail"
#: Seconds between two rows that one process writes of the same thing.
_EVERY = 10
_written_at: dict[str, float] = {}


def beat(name: str) -> None:
    """Store that something is alive now, unless this process did so within seconds."""
    now = time.monotonic()
    if now - _written_at.get(name, -inf) < _EVERY:
        return
    _written_at[name] = now
    Heartbeat.objects.update_or_create(name=name, defaults={"at": timezone.now()})
