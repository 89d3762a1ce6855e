"""The provider's signing keys."""

from typing import ClassVar

from django.db import models
from django.utils.translation import pgettext_lazy


class SigningKey(models.Model):
    """A key: its public part for everyone, its private part sealed with the server's key."""

    class State(models.TextChoices):
        """A key is published, then signs, then only verifies; its row goes when that is over."""

        NEXT = "next", pgettext_lazy("signing key", "Next")
        ACTIVE = "active", pgettext_lazy("signing key", "Active")
        RETIRED = "retired", pgettext_lazy("signing key", "Retired")

    #: The JWK thumbprint (RFC 7638).
    kid = models.CharField(primary_key=True, max_length=43)
    algorithm = models.CharField(max_length=10)
    state = models.CharField(max_length=10, choices=State.choices)
    public_jwk = models.JSONField()
    #: PKCS #8, sealed; empty once the key has been retired for long enough.
    private_sealed = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    activated_at = models.DateTimeField(null=True)
    retired_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["algorithm", "state"],
                condition=models.Q(state__in=["next", "active"]),
                name="one_next_and_one_active_key_per_algorithm",
            )
        ]

    def __str__(self) -> str:
        return f"{self.algorithm} {self.kid}"
