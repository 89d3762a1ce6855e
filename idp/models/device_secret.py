"""Device secrets, with which apps on one device share a sign-in. OIDC Native SSO §3."""

from typing import ClassVar

from django.db import models

from idp.models.grant import Grant


class DeviceSecret(models.Model):
    """A device secret, as its SHA-256. It is valid as long as its grant and its session are."""

    #: What the app got that signed the user in.
    grant = models.ForeignKey(Grant, on_delete=models.CASCADE)
    secret_hash = models.CharField(max_length=64)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["secret_hash"], name="one_device_secret_of_a_hash")
        ]

    def __str__(self) -> str:
        return f"Device secret of {self.grant_id} since {self.created_at:%Y-%m-%d}"
