"""Logos of apps that registered themselves, as we show them."""

from typing import Any, ClassVar

from django.db import models

from idp.models.client import Client


class ClientLogo(models.Model):
    """A picture that a client names, fetched once and made anew by us (`clients.logos`)."""

    client = models.ForeignKey(Client, on_delete=models.CASCADE, related_name="logos")
    #: The client's logo_uri: another address is another row.
    uri = models.CharField(max_length=255)
    #: A PNG of ours; empty until it was fetched.
    picture: Any = models.BinaryField(default=b"")
    #: The SHA-256 of the picture in hex, which is its address; empty until there is one.
    digest = models.CharField(max_length=64, blank=True, db_index=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    #: When it is fetched next; None if it was fetched or given up.
    due_at = models.DateTimeField(null=True, db_index=True)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["client", "uri"], name="logos_once_per_client")
        ]

    def __str__(self) -> str:
        return self.uri
