"""Codes and tokens: the toolkit's models, swapped for ours before the first migration.

Only hashes are kept. None of the toolkit's columns is dropped; those we don't use stay empty.
"""

from django.db import models
from oauth2_provider.models import (
    AbstractAccessToken,
    AbstractDeviceGrant,
    AbstractGrant,
    AbstractIDToken,
    AbstractRefreshToken,
)

from idp.models.authorization import Authorization


class AuthorizationCode(AbstractGrant):
    """An authorization code; `code` holds its SHA-256. Stays after use, to recognize a replay."""

    authorization = models.ForeignKey(Authorization, on_delete=models.CASCADE)
    nonce = models.TextField(blank=True, default="")
    expires = models.DateTimeField(db_index=True)
    redeemed_at = models.DateTimeField(null=True)

    class Meta(AbstractGrant.Meta):
        pass


class AccessToken(AbstractAccessToken):
    """An access token; `token_checksum` holds its SHA-256. A client's own has no authorization."""

    authorization = models.ForeignKey(Authorization, null=True, on_delete=models.CASCADE)
    source_refresh_token = models.ForeignKey(
        "idp.RefreshToken",
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="refreshed_access_tokens",
    )
    expires = models.DateTimeField(db_index=True)

    class Meta(AbstractAccessToken.Meta):
        pass


class RefreshToken(AbstractRefreshToken):
    """A refresh token; `token_checksum` holds its SHA-256."""

    authorization = models.ForeignKey(Authorization, on_delete=models.CASCADE)

    class Meta(AbstractRefreshToken.Meta):
        pass


class IDToken(AbstractIDToken):
    """Never written: ID tokens are signed and forgotten. The toolkit wants the model."""

    class Meta(AbstractIDToken.Meta):
        pass


class DeviceCode(AbstractDeviceGrant):
    """Never written yet: here so that the toolkit finds its model."""

    class Meta(AbstractDeviceGrant.Meta):
        pass
