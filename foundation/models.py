"""The tables of rate limits and of mail."""

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from foundation.outbox import OutboxRow


class RateCount(models.Model):
    """How often something was done in a window of time (`foundation.rate_limits`)."""

    #: The limit's name and a hash of its key.
    key = models.CharField(max_length=100, primary_key=True)
    count = models.PositiveIntegerField()
    ends_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return self.key


class Mail(OutboxRow):
    """A message that is to be sent (`foundation.mail`). The row is deleted when it was sent."""

    #: The beginning of its templates' names.
    template = models.CharField(_("template"), max_length=100)
    #: Empty if the message is only pretended.
    recipient = models.CharField(_("recipient"), max_length=320)
    #: The message, encrypted.
    sealed = models.TextField()
    #: When its code expires: a later message would be of no use.
    expires_at = models.DateTimeField(_("expires"), null=True)

    class Meta:
        verbose_name = _("email")
        verbose_name_plural = _("emails")
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["state", "id"], name="mail_by_state"),
            models.Index(fields=["recipient"], name="mail_by_recipient"),
            models.Index(fields=["due_at"], condition=models.Q(state="waiting"), name="mail_due"),
        ]

    def __str__(self) -> str:
        return f"{self.template} {self.created_at:%Y-%m-%d %H:%M}"
