"""Requests by which clients ask users to sign in on their own device. OIDC CIBA §7."""

from datetime import datetime
from typing import ClassVar

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from foundation.outbox import OutboxRow
from idp.models.client import Client
from idp.models.grant import Grant, unguessable_id

#: Characters of a binding message: users read it at a glance.
LONGEST_MESSAGE = 100


class BackchannelAuthentication(models.Model):
    """A request of a client that its user signs in elsewhere, and what became of it."""

    class Status(models.TextChoices):
        """What the user answered."""

        PENDING = "pending", _("not answered")
        APPROVED = "approved", _("approved")
        DENIED = "denied", _("denied")

    #: In the address of its page.
    key = models.CharField(max_length=43, unique=True, default=unguessable_id, editable=False)
    #: The hash of the `auth_req_id`, which only the client has.
    id_hash = models.CharField(max_length=64, unique=True)
    client = models.ForeignKey(
        Client, on_delete=models.CASCADE, verbose_name=_("app"), db_index=False
    )
    #: None where the hint names no user who could answer: then no user is asked, and it expires.
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, db_index=False
    )
    #: Whom the hint names, a hash, whether or not there is such a user.
    named = models.CharField(max_length=64)
    scope = models.TextField()
    resource = models.JSONField(default=list)
    #: The authorization details that it asks for (RFC 9396 §2); None for none.
    authorization_details = models.JSONField(null=True)
    #: Levels of authentication that the client would like, the preferred first.
    acr_values = models.JSONField(default=list)
    binding_message = models.CharField(max_length=LONGEST_MESSAGE, blank=True)
    #: What the client is told of the answer with, encrypted; empty with poll.
    sealed = models.TextField(blank=True)
    #: Of the client's server.
    ip_address = models.GenericIPAddressField(null=True)
    arrived_at = models.DateTimeField(default=timezone.now)
    expires = models.DateTimeField(db_index=True)
    #: Seconds that the client has to wait between two polls; grows if it does not.
    interval = models.PositiveIntegerField()
    #: When it last did; its first poll may come at once.
    last_checked = models.DateTimeField(null=True)
    status = models.CharField(max_length=10, choices=Status.choices, default=Status.PENDING)
    answered_at = models.DateTimeField(null=True)
    #: What the user's approval gave.
    grant = models.ForeignKey(Grant, null=True, on_delete=models.SET_NULL)
    #: When the client got its tokens, which is once.
    redeemed_at = models.DateTimeField(null=True)

    class Meta:
        indexes: ClassVar[list[models.Index]] = [
            models.Index(
                fields=["user"],
                condition=models.Q(status="pending"),
                name="backchannel_pending_by_user",
            ),
            models.Index(
                fields=["named"],
                condition=models.Q(status="pending"),
                name="backchannel_pending_by_name",
            ),
            models.Index(fields=["client"], name="backchannel_by_client"),
        ]

    def __str__(self) -> str:
        return f"{self.client_id} asks at {self.arrived_at:%Y-%m-%d %H:%M}"

    @property
    def application(self) -> Client:
        """Its client, by the name that codes and tokens have for theirs (`foundation.validity`)."""
        return self.client

    @property
    def scopes(self) -> frozenset[str]:
        """The scopes that the user is asked for."""
        return frozenset(self.scope.split())

    def is_pending(self, now: datetime) -> bool:
        """Whether the user can still answer."""
        return self.status == self.Status.PENDING and self.expires > now


class BackchannelNotification(OutboxRow):
    """What is told of a request, a row of the outbox: the client of the answer, or a push service.

    It is of no use after the request has expired.
    """

    class Receiver(models.TextChoices):
        """Who is told."""

        CLIENT = "client", _("the app")
        PUSH = "push", _("the push service")

    authentication = models.ForeignKey(
        BackchannelAuthentication, on_delete=models.CASCADE, related_name="notifications"
    )
    receiver = models.CharField(max_length=10, choices=Receiver.choices)

    class Meta:
        indexes: ClassVar[list[models.Index]] = [
            models.Index(
                fields=["due_at"],
                condition=models.Q(state="waiting"),
                name="backchannel_due",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.receiver} of {self.authentication_id}"
