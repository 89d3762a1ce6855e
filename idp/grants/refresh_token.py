"""The refresh token grant: rotation, and reuse ends the family. RFC 6749 §6, RFC 9700 §4.14."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import NoReturn

from django.db import transaction
from django.http import HttpRequest

from idp.grants import family
from idp.models import Client, RefreshToken
from idp.protocol.errors import InvalidGrant, InvalidScope
from idp.protocol.parameters import Parameters
from idp.statements.presented import (
    REFRESH_TOKENS,
    FoundRefreshToken,
    Spent,
    find_refresh_token,
)
from idp.statements.taking import take_refresh_token
from idp.tokens import ahead, opaque
from idp.tokens.authorization import Entitlement, TokensAhead


@contextmanager
def refresh(
    client: Client, parameters: Parameters, now: datetime, _http: HttpRequest
) -> Iterator[Entitlement]:
    """Give what the token stands for; it is used up when new ones are stored.

    Raises InvalidGrant; a token that was used before also ends its family, unless its client has a
    grace and the answer may simply have been lost. The token stays as it is where the person may
    not use the client now, and with InvalidScope for more than was granted.
    """
    token_hash = opaque.hash_of(parameters.require("refresh_token"))
    made = ahead.made_for(client, parameters, now)
    found = take_refresh_token(token_hash, made.stored, now) if made else None
    if found is None:
        made, found = None, find_refresh_token(token_hash, client.pk, now)
    if found is not None:
        yield _given_by(found, client, parameters, now, made)
        return
    with transaction.atomic():
        found = _repeated(token_hash, client, now)
        if found is not None:
            yield _given_by(found, client, parameters, now)
            return
    _refuse_unknown_or_used(token_hash, client, now)


def _given_by(
    found: FoundRefreshToken,
    client: Client,
    parameters: Parameters,
    now: datetime,
    made: TokensAhead | None = None,
) -> Entitlement:
    """Return what the token stands for, or raise InvalidGrant, and use it up. RFC 6749 §6."""
    authorization = found.authorization
    try:
        _has_not_expired(found)
        family.still_holds(authorization)
    except InvalidGrant:
        ahead.refuse(found.spent, made, now)
        raise
    family.person_is_admitted(authorization, client)
    return Entitlement(
        client,
        authorization,
        _narrowed(frozenset(authorization.scope.split()), parameters),
        family.resource_for(authorization, parameters),
        spent=found.spent,
        refreshed=found.id,
        ahead=made,
    )


def _has_not_expired(found: FoundRefreshToken) -> None:
    """RFC 6749 §6."""
    if found.expired:
        raise InvalidGrant("The refresh token has expired.")


def _refuse_unknown_or_used(token_hash: str, client: Client, now: datetime) -> NoReturn:
    """RFC 9700 §4.14.2: somebody else has used it; whoever that was, neither goes on."""
    replayed = RefreshToken.objects.filter(
        token_checksum=token_hash, application=client, revoked__isnull=False
    )
    was_used = family.end_reused(replayed, client, "A refresh token came a second time.", now)
    raise InvalidGrant(
        "The refresh token was used before or revoked, so its whole family has been revoked."
        if was_used
        else "The refresh token is unknown: it is not one that was given to this client."
    )


def _repeated(token_hash: str, client: Client, now: datetime) -> FoundRefreshToken | None:
    """Take a token again whose answer may have been lost, where its client has a grace.

    Only while the answer's own refresh token is unused: that one is used up in its place, so that
    no second chain lives on.
    """
    if not client.refresh_token_grace or client.is_public:
        return None
    # Locked, so that of several at once each finds the answer of the one before.
    token = (
        RefreshToken.objects.select_for_update()
        .filter(
            token_checksum=token_hash,
            application=client,
            revoked__gte=now - timedelta(seconds=client.refresh_token_grace),
        )
        .first()
    )
    successors = RefreshToken.objects.filter(predecessor=token, revoked=None).select_related(
        *(f"authorization__{name}" for name in ("user", "session", "client_session"))
    )
    lost = successors.first() if token else None
    if token is None or lost is None:
        return None
    return FoundRefreshToken(
        Spent(REFRESH_TOKENS, lost.pk),
        token.pk,
        lost.authorization,
        expired=token.expires <= now,
    )


def _narrowed(granted: frozenset[str], parameters: Parameters) -> frozenset[str]:
    """Return the scopes asked for, which can be fewer than were granted. RFC 6749 §6."""
    asked = frozenset((parameters.get("scope") or "").split())
    if not asked <= granted:
        refused = ", ".join(sorted(asked - granted))
        raise InvalidScope(f"These scopes were not granted with this refresh token: {refused}.")
    return asked or granted
