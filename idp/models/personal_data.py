"""What users are shown about their data: which client could see what, and exports of all of it."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils import timezone

from idp.models.grant import unguessable_id


class Sharing(models.Model):
    """What a client could see about a user by the grants of one day.

    It is written when the grants are deleted (`idp.sharing`), so that no request for a
    token writes it, and outlives the client.
    """

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, db_index=False)
    #: As in `Event`.
    client_id = models.CharField(max_length=255)
    day = models.DateField(db_index=True)
    #: Of the two columns below.
    fingerprint = models.CharField(max_length=64)
    scope = models.TextField()
    #: The claims that were requested one by one.
    claims = models.JSONField(default=list)
    #: When the last of the grants was given.
    last_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["user", "client_id", "day", "fingerprint"], name="one_sharing_a_day"
            )
        ]

    def __str__(self) -> str:
        return f"{self.client_id} on {self.day}"


class DataExport(models.Model):
    """An export of a user's data that the worker makes, kept for some days."""

    id = models.CharField(primary_key=True, max_length=43, default=unguessable_id, editable=False)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    asked_at = models.DateTimeField(default=timezone.now, db_index=True)
    #: When a worker last began to make it, and how often one has.
    begun_at = models.DateTimeField(null=True)
    tries = models.PositiveSmallIntegerField(default=0)
    ready_at = models.DateTimeField(null=True)
    #: The document: compressed, and encrypted with the server's key.
    content = models.TextField(blank=True, default="")

    class Meta:
        indexes: ClassVar[list[models.Index]] = [
            models.Index(
                fields=["asked_at"],
                condition=models.Q(ready_at=None),
                name="data_exports_to_make",
            )
        ]

    def __str__(self) -> str:
        return f"Export of {self.asked_at:%Y-%m-%d %H:%M}"
