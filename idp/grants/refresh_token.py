"""The refresh token grant: rotation, and reuse ends the family. RFC 6749 §6, RFC 9700 §4.14."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import NoReturn

from django.db import transaction
from django.http import HttpRequest

from idp.clients.encryption import have_key_ready
from idp.grants import family
from idp.models import Client, RefreshToken
from idp.protocol.errors import InvalidGrant, InvalidScope
from idp.protocol.parameters import Parameters
from idp.protocol.rules import upholds
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
    token = parameters.require("refresh_token")
    token_hash = opaque.hash_of(token)
    successor = opaque.successors_of(token)[0] if _is_given_again(client) else None
    made = ahead.made_for(client, parameters, now, successor)
    found = take_refresh_token(token_hash, made.stored, now) if made else None
    if found is None:
        made, found = None, find_refresh_token(token_hash, client.pk, now)
    if found is not None:
        entitlement = _given_by(found, client, parameters, now, made)
        yield replace(entitlement, next_refresh_token=successor)
        return
    have_key_ready(client)
    with transaction.atomic():
        repeated = _repeated(token, client, parameters, now)
        if repeated is not None:
            yield repeated
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


@upholds("RFC 6749 §6")
def _has_not_expired(found: FoundRefreshToken) -> None:
    """RFC 6749 §6."""
    if found.expired:
        raise InvalidGrant("The refresh token has expired.")


@upholds("RFC 9700 §4.14.2")
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


def _is_given_again(client: Client) -> bool:
    """Whether a used token gives the same successor again, instead of another.

    A client without a secret may run in several tabs, which share a token and refresh it at once:
    each goes on with the one that it was given. A client with a secret is one program that has
    lost an answer: what was lost dies (docs/adr/0022).
    """
    return client.is_public and client.refresh_grace > timedelta(0)


def _repeated(
    token: str, client: Client, parameters: Parameters, now: datetime
) -> Entitlement | None:
    """Return what a used token gives in its client's grace, or None. RFC 9700 §4.14.2.

    Only while its successor is unused: that one is given again, or is used up in its place, so that
    no second chain lives on.
    """
    used, successor = _just_used(opaque.hash_of(token), client, now)
    if used is None or successor is None:
        return None
    found = FoundRefreshToken(
        Spent(REFRESH_TOKENS, successor.pk),
        used.pk,
        successor.authorization,
        expired=used.expires <= now,
    )
    if not _is_given_again(client):
        return _given_by(found, client, parameters, now)
    given = (value for value in opaque.successors_of(token) if _is(successor, value))
    same = next(given, None)
    if same is None:  # it was made under a server key that is gone
        return None
    entitlement = _given_by(found, client, parameters, now)
    return replace(entitlement, spent=None, next_refresh_token=same, is_repeated=True)


def _just_used(
    token_hash: str, client: Client, now: datetime
) -> tuple[RefreshToken | None, RefreshToken | None]:
    """Return a token that was used within the grace, and its successor if that is unused.

    Both locked, so that of several requests at once each finds the answer of the one before.
    """
    if not client.refresh_grace:
        return None, None
    locked = RefreshToken.objects.select_for_update(of=("self",))
    used = locked.filter(
        token_checksum=token_hash, application=client, revoked__gte=now - client.refresh_grace
    ).first()
    successors = locked.filter(predecessor=used, revoked=None).select_related(
        *(f"authorization__{name}" for name in ("user", "session", "client_session"))
    )
    return used, successors.first() if used else None


def _is(row: RefreshToken, token: str) -> bool:
    return row.token_checksum == opaque.hash_of(token)


@upholds("RFC 6749 §6")
def _narrowed(granted: frozenset[str], parameters: Parameters) -> frozenset[str]:
    """Return the scopes asked for, which can be fewer than were granted. RFC 6749 §6."""
    asked = frozenset((parameters.get("scope") or "").split())
    if not asked <= granted:
        refused = ", ".join(sorted(asked - granted))
        raise InvalidScope(f"These scopes were not granted with this refresh token: {refused}.")
    return asked or granted
