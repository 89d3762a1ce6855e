"""The provider's signing keys."""

from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _
from django.utils.translation import pgettext_lazy


class SigningKey(models.Model):
    """A signing key: its public key, and its private key encrypted with the server's key."""

    class State(models.TextChoices):
        """A key is published, then signs, then only verifies; its row is deleted after that."""

        NEXT = "next", pgettext_lazy("signing key", "Next")
        ACTIVE = "active", pgettext_lazy("signing key", "Active")
        RETIRED = "retired", pgettext_lazy("signing key", "Retired")

    #: The JWK thumbprint (RFC 7638); of an imported key, what its server named it.
    kid = models.CharField(_("key id (kid)"), primary_key=True, max_length=43)
    algorithm = models.CharField(_("algorithm"), max_length=20)
    state = models.CharField(_("state"), max_length=10, choices=State.choices)
    public_jwk = models.JSONField(_("public key"))
    #: PKCS #8, sealed; empty once the key has been retired for long enough.
    private_sealed = models.TextField(blank=True)
    created_at = models.DateTimeField(_("made"), auto_now_add=True)
    activated_at = models.DateTimeField(_("active since"), null=True)
    retired_at = models.DateTimeField(_("retired"), null=True)
    #: Of a key of an earlier server: the issuer of what it signed. Its private key is not here, and
    #: it verifies hints alone. Empty for our own.
    imported_from = models.CharField(
        _("issuer of what it signed"), max_length=300, blank=True, default="", db_default=""
    )
    #: Until when an imported key is published.
    published_until = models.DateTimeField(_("published until"), null=True)

    class Meta:
        verbose_name = _("signing key")
        verbose_name_plural = _("signing keys")
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["algorithm", "state"],
                condition=models.Q(state__in=["next", "active"]),
                name="one_next_and_one_active_key_per_algorithm",
            )
        ]

    def __str__(self) -> str:
        return f"{self.algorithm} {self.kid}"
