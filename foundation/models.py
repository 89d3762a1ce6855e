"""The table of rate limits."""

from django.db import models


class RateCount(models.Model):
    """How often something was done in a window of time (`foundation.rate_limits`)."""

    #: The limit's name and a hash of its key.
    key = models.CharField(max_length=100, primary_key=True)
    count = models.PositiveIntegerField()
    ends_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return self.key
