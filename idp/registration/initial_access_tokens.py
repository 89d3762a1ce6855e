"""Initial access tokens: an operator's leave to register clients. RFC 7591 §1.2, §3."""

import secrets
from datetime import datetime

from django.db.models import F, Q

from foundation import server_keys
from idp.models import InitialAccessToken
from idp.models.registration import TOKEN_PURPOSE
from idp.protocol.errors import InvalidToken
from idp.protocol.rules import upholds


def issue(row: InitialAccessToken) -> str:
    """Make the token of a new row, save the row, and return the token: the only time it is seen."""
    token = secrets.token_urlsafe(32)
    row.hashed = server_keys.keyed_hash(token, TOKEN_PURPOSE)
    row.save()
    return token


@upholds("RFC 7591 §1.2")
def find(token: str) -> InitialAccessToken:
    """Return the row of a token, under any of the server's keys.

    Raises InvalidToken. The database compares hashes under secret keys, so its timing reveals
    nothing.
    """
    hashes = server_keys.keyed_hashes(token, TOKEN_PURPOSE)
    row = InitialAccessToken.objects.filter(hashed__in=hashes).first()
    if row is None or not server_keys.matches(token, row.hashed, TOKEN_PURPOSE):
        raise InvalidToken("The initial access token is unknown.")
    return row


@upholds("RFC 7591 §3")
def is_good(token: InitialAccessToken, now: datetime) -> None:
    """RFC 7591 §3: raise InvalidToken saying why the token registers no client any more."""
    if token.revoked_at is not None:
        raise InvalidToken("The initial access token has been revoked.")
    if token.expires_at is not None and token.expires_at <= now:
        raise InvalidToken("The initial access token has expired.")
    if token.max_uses is not None and token.uses >= token.max_uses:
        raise InvalidToken("The initial access token has registered as many clients as it may.")


@upholds("RFC 7591 §3")
def use(token: InitialAccessToken, now: datetime) -> None:
    """Count one client, or raise InvalidToken. RFC 7591 §3.

    Of many registrations at once no more than `max_uses` get past this statement; a registration
    that fails afterwards gives its use back with the transaction.
    """
    good = InitialAccessToken.objects.filter(
        Q(max_uses=None) | Q(uses__lt=F("max_uses")),
        Q(expires_at=None) | Q(expires_at__gt=now),
        pk=token.pk,
        revoked_at=None,
    )
    if not good.update(uses=F("uses") + 1):
        raise InvalidToken("The initial access token has registered as many clients as it may.")
