"""The refresh token grant: rotation, and reuse ends the family. RFC 6749 §6, RFC 9700 §4.14."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import NoReturn

from django.db import transaction
from django.http import HttpRequest

from idp import statements
from idp.grants import family
from idp.models import Authorization, Client, RefreshToken
from idp.protocol.errors import InvalidGrant, InvalidScope
from idp.protocol.parameters import Parameters
from idp.statements import UsedRefreshToken
from idp.tokens import opaque
from idp.tokens.authorization import Entitlement


@contextmanager
def refresh(
    client: Client, parameters: Parameters, now: datetime, _http: HttpRequest
) -> Iterator[Entitlement]:
    """Use the token up and give what it stands for; both hold once tokens are issued, or neither.

    Raises InvalidGrant; a token that was used before also ends its family, unless its client has a
    grace and the answer may simply have been lost. The token stays as it is where the person may
    not use the client now, and with InvalidScope for more than was granted.
    """
    token_hash = opaque.hash_of(parameters.require("refresh_token"))
    with transaction.atomic():
        used = statements.use_refresh_token(token_hash, client.pk, now)
        used = used or _repeated(token_hash, client, now)
        try:
            authorization = _given_by(used) if used else None
        except InvalidGrant as error:
            refusal = error  # raised when the token is used up for good
        else:
            if used is not None and authorization is not None:
                family.person_is_admitted(authorization, client)
                granted = frozenset(authorization.scope.split())
                yield Entitlement(
                    client,
                    authorization,
                    _narrowed(granted, parameters),
                    family.resource_for(authorization, parameters),
                    refreshed=used.id,
                )
                return
    if used is None:
        _refuse_unknown_or_used(token_hash, client, now)
    raise refusal


def _given_by(used: UsedRefreshToken) -> Authorization:
    """Return what the token stands for, or raise InvalidGrant. RFC 6749 §6."""
    if used.expired:
        raise InvalidGrant("The refresh token has expired.")
    authorization = family.load(used.authorization_id)
    family.still_holds(authorization)
    return authorization


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


def _repeated(token_hash: str, client: Client, now: datetime) -> UsedRefreshToken | None:
    """Take a token again whose answer may have been lost, where its client has a grace.

    Only while the answer's own refresh token is unused, which dies: no second chain lives on.
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
    if token is None:
        return None
    successor = RefreshToken.objects.filter(predecessor=token, revoked=None)
    if successor.update(revoked=now, predecessor=None) != 1:
        return None
    return UsedRefreshToken(token.pk, token.authorization_id, expired=token.expires <= now)


def _narrowed(granted: frozenset[str], parameters: Parameters) -> frozenset[str]:
    """Return the scopes asked for, which can be fewer than were granted. RFC 6749 §6."""
    asked = frozenset((parameters.get("scope") or "").split())
    if not asked <= granted:
        refused = ", ".join(sorted(asked - granted))
        raise InvalidScope(f"These scopes were not granted with this refresh token: {refused}.")
    return asked or granted
