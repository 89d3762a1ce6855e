"""The provider's signing keys."""

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _


class SigningKey(models.Model):
    """A key: its public part for everyone, its private part sealed with the server's key."""

    class State(models.TextChoices):
        """A key is published, then signs, then only verifies."""

        NEXT = "next", _("Next")
        ACTIVE = "active", _("Active")
        RETIRED = "retired", _("Retired")

    #: The JWK thumbprint (RFC 7638).
    kid = models.CharField(primary_key=True, max_length=43)
    algorithm = models.CharField(max_length=10)
    state = models.CharField(max_length=10, choices=State.choices)
    public_jwk = models.JSONField()
    #: PKCS #8, sealed; empty once the key has been retired for long enough.
    private_sealed = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    retired_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["algorithm"],
                condition=models.Q(state="active"),
                name="one_active_key_per_algorithm",
            )
        ]

    def __str__(self) -> str:
        return f"{self.algorithm} {self.kid}"
