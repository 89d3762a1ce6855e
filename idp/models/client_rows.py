"""Rows beside a client: its secrets, used assertions, origins, and how its names look."""

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from idp.models.client import Client
from idp.models.client_derived import LONGEST_ORIGIN, LONGEST_SKELETON


class ClientName(models.Model):
    """How a name of a client that an operator entered looks (`foundation.lookalikes`)."""

    client = models.ForeignKey(
        Client, on_delete=models.CASCADE, related_name="names", db_index=False
    )
    skeleton = models.CharField(max_length=LONGEST_SKELETON, db_index=True)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["client", "skeleton"], name="one_row_per_look")
        ]

    def __str__(self) -> str:
        return self.skeleton


class ClientSecret(models.Model):
    """A secret of a client, as a keyed hash. Several may be valid at once while rotating."""

    client = models.ForeignKey(Client, on_delete=models.CASCADE, related_name="secrets")
    #: The keyed hash, 64 characters; or, until its first use, the hash of a server before this one,
    #: as Django's hashers write it (`clients.secrets.add_hashed`).
    hashed = models.CharField(max_length=255, editable=False)
    #: The secret itself, sealed, where it also serves as an HMAC key; empty for all others.
    sealed = models.TextField(blank=True, editable=False)
    created_at = models.DateTimeField(_("made"), auto_now_add=True)
    expires_at = models.DateTimeField(_("expires"), null=True, blank=True)
    #: To the hour: enough to see that a secret is still needed.
    last_used_at = models.DateTimeField(_("last used"), null=True, editable=False)

    class Meta:
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["created_at"], name="secrets_by_age"),
            models.Index(
                fields=["expires_at"],
                condition=models.Q(expires_at__isnull=False),
                name="secrets_that_expire",
            ),
        ]

    def __str__(self) -> str:
        return f"Secret of {self.client_id} since {self.created_at:%Y-%m-%d}"


class UsedAssertion(models.Model):
    """A client assertion that was used: until it expires, its `jti` works no more."""

    client = models.ForeignKey(Client, on_delete=models.CASCADE, db_index=False)
    jti_hash = models.CharField(max_length=64)
    expires_at = models.DateTimeField(db_index=True)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["client", "jti_hash"], name="an_assertion_works_once")
        ]

    def __str__(self) -> str:
        return f"Assertion of {self.client_id} until {self.expires_at:%Y-%m-%d %H:%M}"


class ClientOrigin(models.Model):
    """A web origin that may call us for a client, indexed for preflight requests."""

    client = models.ForeignKey(Client, on_delete=models.CASCADE, related_name="origins")
    origin = models.CharField(max_length=LONGEST_ORIGIN, db_index=True)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["client", "origin"], name="one_row_per_origin")
        ]

    def __str__(self) -> str:
        return self.origin
