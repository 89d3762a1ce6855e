"""Deliveries: notifications of clients that are sent after the response."""

import secrets
from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from accounts.models import Session
from foundation.outbox import OutboxRow
from idp.models.client import Client


def new_token_id() -> str:
    """Return a logout token's id (`jti`), the same at every attempt."""
    return secrets.token_urlsafe(16)


class Delivery(OutboxRow):
    """A logout token to send to a client, a row of the outbox.

    It has all claims of the token, so that it can be sent when session and user are deleted.
    """

    client = models.ForeignKey(
        Client, on_delete=models.CASCADE, verbose_name=_("app"), db_index=False
    )
    session = models.ForeignKey(
        Session, null=True, on_delete=models.SET_NULL, verbose_name=_("session")
    )
    sub = models.CharField(_("identifier"), max_length=255)
    sid = models.CharField(max_length=22)
    jti = models.CharField(max_length=22, unique=True, default=new_token_id)

    class Meta:
        verbose_name = _("delivery")
        verbose_name_plural = _("deliveries")
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["state", "id"], name="delivery_by_state"),
            models.Index(fields=["client", "id"], name="delivery_by_client"),
            models.Index(
                fields=["due_at"],
                condition=models.Q(state="waiting"),
                name="deliveries_due",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.client} {self.created_at:%Y-%m-%d %H:%M}"
