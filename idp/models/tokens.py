"""Codes and tokens: the toolkit's models, swapped for ours before the first migration.

Only hashes are stored. None of the toolkit's columns is dropped; unused ones stay empty. Each index
costs a write per row, so there are none beyond the lookups: a hash is unique by a constraint, since
a unique field gets a second index on PostgreSQL, for LIKE. Foreign keys are not constraints in the
database, which would look up each of them at every write (ADR 34): a code or token whose grant,
user or client is deleted at the moment of its INSERT is invalid, and is deleted when it expires.
"""

from collections.abc import Iterable
from functools import partial
from typing import Any, ClassVar

from django.conf import settings
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

from foundation.validity import facts_of, why_invalid
from idp.models.client import Client
from idp.models.grant import Grant

#: A foreign key that the database does not check.
_Reference: Any = partial(models.ForeignKey, db_constraint=False)
_OfUser = partial(
    _Reference,
    settings.AUTH_USER_MODEL,
    on_delete=models.CASCADE,
    related_name="%(app_label)s_%(class)s",
)
_OfClient = partial(_Reference, Client, on_delete=models.CASCADE)
#: A column of the toolkit's that stays empty: without an index, and not looked up at deletions.
_Unused = partial(
    _Reference, null=True, blank=True, on_delete=models.DO_NOTHING, db_index=False, editable=False
)


class AuthorizationCode(AbstractGrant):
    """An authorization code; `code` holds its SHA-256. Stays after use, to recognize a replay."""

    user = _OfUser()
    application = _OfClient()
    grant = _Reference(Grant, on_delete=models.CASCADE)
    code = models.CharField(max_length=255)
    nonce = models.TextField(blank=True, default="")
    expires = models.DateTimeField(db_index=True)
    redeemed_at = models.DateTimeField(null=True)
    #: The key that its redeemer has to prove (`dpop_jkt`, RFC 9449 §10), as a confirmation.
    cnf = models.JSONField(null=True)

    class Meta(AbstractGrant.Meta):
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["code"], name="one_code_of_a_hash")
        ]


class AccessToken(AbstractAccessToken):
    """An access token; `token_checksum` holds its SHA-256. A client's own has no authorization."""

    user = _OfUser(null=True, blank=True)
    application = _OfClient(null=True, blank=True)
    grant = _Reference(Grant, null=True, on_delete=models.CASCADE)
    source_refresh_token = _Unused("idp.RefreshToken", related_name="refreshed_access_token")
    id_token = _Unused("idp.IDToken", related_name="access_token")
    token_checksum = TokenChecksumField(max_length=64)
    expires = models.DateTimeField(db_index=True)
    #: The `kid` of the key that signed it, where it is a JWT.
    signed_with = models.CharField(max_length=43, null=True)
    #: The authorization details that it has (RFC 9396 §9); None for none.
    authorization_details = models.JSONField(null=True)
    #: Who acts for the user with it (RFC 8693 §4.1); None for its client alone.
    act = models.JSONField(null=True)
    #: What it is bound to (RFC 7800 §3.1, `idp.possession`); None for a bearer token.
    cnf = models.JSONField(null=True)

    class Meta(AbstractAccessToken.Meta):
        indexes: ClassVar[list[models.Index]] = [
            models.Index(
                fields=["signed_with", "expires"],
                condition=models.Q(signed_with__isnull=False),
                name="access_token_by_key",
            ),
        ]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["token_checksum"], name="one_access_token_of_a_hash")
        ]

    #: Whether it was seen that it is bound to who presents it. Not stored.
    is_with_its_presenter = False

    def is_valid(self, scopes: Iterable[str] | None = None) -> bool:
        """Whether the token is valid now, for all these scopes.

        The toolkit calls this for every token, also where it does not use our validator: its
        decorators bring one of their own. So this judges the same facts as `find_bearer`; a bound
        token is refused where no check was made of who presents it.
        """
        if self.cnf and not self.is_with_its_presenter:
            return False
        return why_invalid(facts_of(self), timezone.now()) is None and bool(
            super().is_valid(scopes)
        )


class RefreshToken(AbstractRefreshToken):
    """A refresh token; `token_checksum` is its SHA-256. `revoked` is when it was used.

    It is stored after use, to detect a replay. Each has at most one successor: the token of its
    redemption, or of the last one if a client repeated a lost response.
    """

    user = _OfUser()
    application = _OfClient()
    grant = _Reference(Grant, on_delete=models.CASCADE)
    predecessor = _Reference("self", null=True, on_delete=models.SET_NULL)
    access_token = _Unused("idp.AccessToken", related_name="refresh_token")
    expires = models.DateTimeField(db_index=True)
    token_checksum = models.CharField(max_length=64)
    #: What it is bound to, where its client has no secret.
    cnf = models.JSONField(null=True)

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
    """A device code with its user code (RFC 8628 §3.2), both as hashes. It stays after its use.

    The user code's hash is keyed, since it is short. `status` is the user's decision; `interval` is
    in seconds, and grows when the client polls too early. Time alone makes a row expired.
    """

    #: Who decided; None before.
    user = _OfUser(null=True, blank=True)
    application = _OfClient()
    #: Of the toolkit's, empty: `application` is the client.
    client_id = models.CharField(max_length=100, blank=True, default="", editable=False)
    #: What the approval gave; None before.
    grant = _Reference(Grant, null=True, on_delete=models.CASCADE)
    #: The APIs that the request named (RFC 8707 §2).
    resource = models.JSONField(default=list)
    #: The authorization details that it asked for (RFC 9396 §2); None for none.
    authorization_details = models.JSONField(null=True)
    expires = models.DateTimeField(db_index=True)
    #: When the client polled last; its first poll may come at once.
    last_checked = models.DateTimeField(null=True)
    #: Where and with what program the code was asked for: its user is shown that.
    ip_address = models.GenericIPAddressField(null=True)
    user_agent = models.CharField(max_length=400, blank=True, default="")
    created_at = models.DateTimeField(default=timezone.now)
    redeemed_at = models.DateTimeField(null=True)

    class Meta(AbstractDeviceGrant.Meta):
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["device_code"], name="idp_devicecode_unique_device_code"
            ),
            models.UniqueConstraint(fields=["user_code"], name="one_device_code_of_a_user_code"),
        ]
