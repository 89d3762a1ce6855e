"""Taking tokens back. RFC 7009 §2.1, §2.2."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from foundation.statements import hash_of
from idp.models import AccessToken, Client, Grant, RefreshToken


def revoke(client: Client, token: str) -> None:
    """Revoke a token of this client: an access token alone, a refresh token with its grant.

    `token_type_hint` is not needed: the hash finds either. Unknown tokens and other clients' are
    not revoked, with the same response.
    """
    token_hash = hash_of(token)
    deleted, _ = AccessToken.objects.filter(token_checksum=token_hash, application=client).delete()
    if deleted:
        return
    refresh = RefreshToken.objects.filter(token_checksum=token_hash, application=client)
    revoke_grants(refresh.values("grant_id"), timezone.now())


def revoke_all(client: Client, now: datetime) -> None:
    """Revoke all grants and tokens of a client, for users and for itself; sessions stay.

    What it has of others' grants by exchange is deleted, too.

    Codes that are not redeemed become invalid, too: they belong to a grant.
    """
    with transaction.atomic():
        Grant.objects.filter(client=client, revoked_at=None).update(revoked_at=now)
        of_its_grants = Q(grant__in=Grant.objects.filter(client=client).values("pk"))
        without: Any = Q(grant=None) | ~of_its_grants
        own: Any = AccessToken.objects.filter(without, application=client)
        own._raw_delete(own.db)


def revoke_grants(grant_ids: Iterable[Any], now: datetime) -> None:
    """Revoke grants: their codes and tokens are judged by this when they are used."""
    Grant.objects.filter(pk__in=grant_ids, revoked_at=None).update(revoked_at=now)
