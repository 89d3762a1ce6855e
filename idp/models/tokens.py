"""Codes and tokens: the toolkit's models, swapped for ours before the first migration.

Only hashes are stored. None of the toolkit's columns is dropped; unused ones stay empty. Each index
costs a write per row, so there are none beyond the lookups: a hash is unique by a constraint, since
a unique field gets a second index on PostgreSQL, for LIKE.
"""

from collections.abc import Iterable
from typing import ClassVar

from django.db import models
from django.utils import timezone
from oauth2_provider.models import (
    AbstractAccessToken,
    AbstractDeviceGrant,
    AbstractGrant,
    AbstractIDToken,
    AbstractRefreshToken,
    TokenChecksumField,
)

from idp.models.grant import Grant
from idp.validity import facts_of, why_invalid


class AuthorizationCode(AbstractGrant):
    """An authorization code; `code` holds its SHA-256. Stays after use, to recognize a replay."""

    grant = models.ForeignKey(Grant, on_delete=models.CASCADE)
    code = models.CharField(max_length=255)
    nonce = models.TextField(blank=True, default="")
    expires = models.DateTimeField(db_index=True)
    redeemed_at = models.DateTimeField(null=True)

    class Meta(AbstractGrant.Meta):
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["code"], name="one_code_of_a_hash")
        ]


class AccessToken(AbstractAccessToken):
    """An access token; `token_checksum` holds its SHA-256. A client's own has no authorization."""

    grant = models.ForeignKey(Grant, null=True, on_delete=models.CASCADE)
    source_refresh_token = models.ForeignKey(
        "idp.RefreshToken",
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="refreshed_access_tokens",
        db_index=False,
    )
    token_checksum = TokenChecksumField(max_length=64)
    expires = models.DateTimeField(db_index=True)
    #: The `kid` of the key that signed it, where it is a JWT.
    signed_with = models.CharField(max_length=43, null=True)

    class Meta(AbstractAccessToken.Meta):
        indexes: ClassVar[list[models.Index]] = [
            models.Index(
                fields=["signed_with", "expires"],
                condition=models.Q(signed_with__isnull=False),
                name="access_token_by_key",
            ),
            models.Index(
                fields=["source_refresh_token"],
                condition=models.Q(source_refresh_token__isnull=False),
                name="access_token_by_source",
            ),
        ]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["token_checksum"], name="one_access_token_of_a_hash")
        ]

    def is_valid(self, scopes: Iterable[str] | None = None) -> bool:
        """Whether the token is valid now, for all these scopes.

        The toolkit calls this for every token, also where it does not use our validator: its
        decorators bring one of their own. So this judges the same facts as `find_bearer`.
        """
        return why_invalid(facts_of(self), timezone.now()) is None and bool(
            super().is_valid(scopes)
        )


class RefreshToken(AbstractRefreshToken):
    """A refresh token; `token_checksum` is its SHA-256. `revoked` is when it was used.

    It is stored after use, to detect a replay. Each has at most one successor: the token of its
    redemption, or of the last one if a client repeated a lost response.
    """

    grant = models.ForeignKey(Grant, on_delete=models.CASCADE)
    predecessor = models.ForeignKey("self", null=True, on_delete=models.SET_NULL)
    expires = models.DateTimeField(db_index=True)
    token_checksum = models.CharField(max_length=64)

    class Meta(AbstractRefreshToken.Meta):
        # `revoked` is in no index: PostgreSQL then updates it without touching any index.
        unique_together = ()
        indexes: ClassVar[list[models.Index]] = []
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["token_checksum"], name="one_refresh_token_of_a_hash")
        ]


class IDToken(AbstractIDToken):
    """Never written: ID tokens are signed and forgotten. The toolkit wants the model."""

    class Meta(AbstractIDToken.Meta):
        pass


class DeviceCode(AbstractDeviceGrant):
    """Never written yet: here so that the toolkit finds its model."""

    class Meta(AbstractDeviceGrant.Meta):
        pass
