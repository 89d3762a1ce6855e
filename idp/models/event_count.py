"""Numbers of events, which the worker adds up, so that pages need not read events."""

from typing import ClassVar

from django.db import models


class EventCount(models.Model):
    """How many events of a kind there were: in an hour in all, or of an app in a day (UTC)."""

    class Period(models.TextChoices):
        """How long the time is: of an app a day, of everything an hour."""

        HOUR = "hour", "hour"
        DAY = "day", "day"

    period = models.CharField(max_length=4, choices=Period.choices)
    #: The beginning of the hour or of the day.
    begins_at = models.DateTimeField()
    kind = models.CharField(max_length=20)
    #: Empty for an hour.
    client_id = models.CharField(max_length=255, blank=True, default="")
    count = models.PositiveIntegerField()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["period", "begins_at", "kind", "client_id"], name="one_count_of_a_kind"
            )
        ]
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["begins_at"], name="counts_by_time"),
            models.Index(fields=["period", "kind", "begins_at", "-count"], name="busiest_apps"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.begins_at:%Y-%m-%d %H:%M} {self.client_id}"


class EventMark(models.Model):
    """The last event that something has worked on, and until when a worker does so."""

    name = models.CharField(max_length=30, unique=True)
    event_id = models.BigIntegerField()
    leased_until = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.name}: {self.event_id}"


class CountedUntil(models.Model):
    """The last event that was counted: one row, which whoever counts changes."""

    event_id = models.BigIntegerField()

    def __str__(self) -> str:
        return str(self.event_id)
