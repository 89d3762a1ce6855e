"""The refresh token grant: rotation, and reuse ends the grant. RFC 6749 §6, RFC 9700 §4.14."""

from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from typing import NoReturn

from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest

from foundation.statements import hash_of
from foundation.validity import Invalid, facts_of, why_invalid
from idp.clients.encryption import have_key_ready
from idp.grants.ended import end_reused, refuse_ended
from idp.models import Client, RefreshToken
from idp.protocol.errors import InvalidGrant
from idp.protocol.parameters import Parameters
from idp.protocol.rules import upholds
from idp.statements.tokens import REFRESH_TOKENS, give_back, use_up
from idp.tokens.entitlement import Entitlement
from idp.tokens.refresh_token import expiry_of, successors_of


def refresh(
    client: Client, parameters: Parameters, now: datetime, _request: HttpRequest
) -> Entitlement:
    """Use the token up, and return its entitlement.

    Raises InvalidGrant; a refused token stays used up. A token that was used before also revokes
    its grant, unless its client has a grace period and the response may have been lost.
    """
    token = parameters.require("refresh_token")
    token_hash = hash_of(token)
    if client.id_token_encrypted_response_alg:
        have_key_ready(client, client.id_token_encrypted_response_alg)
    if client.has_high_security:
        return _kept(token_hash, client, parameters, now)
    used = use_up(REFRESH_TOKENS, token_hash, client, now)
    if used is not None:
        given = _entitlement(used, client, parameters, now)
        successor = successors_of(token)[0] if _is_given_again(client) else None
        undo = partial(give_back, REFRESH_TOKENS, used)
        return replace(given, next_refresh_token=successor, undo=undo)
    repeat = _same_successor if _is_given_again(client) else _another_successor
    entitlement = repeat(token, client, parameters, now) if client.refresh_grace else None
    if entitlement is None:
        _refuse_unknown_or_used(token_hash, client, now)
    return entitlement


@upholds("FAPI 2.0 Security Profile §5.3.2.1")
def _kept(token_hash: str, client: Client, parameters: Parameters, now: datetime) -> Entitlement:
    """Return the entitlement of a token that stays in use. FAPI 2.0 Security Profile §5.3.2.1.

    The client proves itself with a key, so that no other can use the token: to rotate it would
    only lose users their sign-in with each lost answer. Each use extends it.
    """
    grant = (f"grant__{name}" for name in ("user", "session", "client_session"))
    tokens = RefreshToken.objects.filter(application=client, revoked=None)
    used = tokens.filter(token_checksum=token_hash).select_related(*grant).first()
    if used is None:
        _refuse_unknown_or_used(token_hash, client, now)
    given = _entitlement(used, client, parameters, now)
    expires = expiry_of(client, used.grant, now)
    if not tokens.filter(pk=used.pk).update(expires=expires, updated=now):
        _refuse_unknown_or_used(token_hash, client, now)  # it was revoked at this moment
    return replace(given, uses_up=False, keeps_refresh_token=True)


def _entitlement(
    used: RefreshToken, client: Client, parameters: Parameters, now: datetime
) -> Entitlement:
    """Return the entitlement of a token, or raise InvalidGrant. RFC 6749 §6."""
    used.application = client  # as it is now, without another statement
    reason = why_invalid(facts_of(used), now)
    if reason is Invalid.EXPIRED:
        _refuse_expired()
    if reason is not None:
        refuse_ended("refresh token", reason)
    grant = used.grant
    return Entitlement(
        client,
        grant,
        frozenset(grant.scope.split()),
        tuple(grant.resource),
        asked_scopes=frozenset((parameters.get("scope") or "").split()),
        asked_resource=parameters.resources,
        predecessor_id=used.pk,
        device_secret=parameters.get("device_secret"),
        uses_up=True,
        bound_to=(used.cnf,) if used.cnf else (),
    )


@upholds("RFC 6749 §6")
def _refuse_expired() -> NoReturn:
    """RFC 6749 §6: a refreshed token has not expired."""
    raise InvalidGrant("The refresh token has expired.")


@upholds("RFC 9700 §4.14.2")
def _refuse_unknown_or_used(token_hash: str, client: Client, now: datetime) -> NoReturn:
    """RFC 9700 §4.14.2: a second use may be a thief's, so all that the grant gave ends."""
    replayed = RefreshToken.objects.filter(
        token_checksum=token_hash, application=client, revoked__isnull=False
    )
    was_used = end_reused(replayed, client, "A refresh token came a second time.", now)
    raise InvalidGrant(
        "The refresh token was used before or revoked, so all that its grant gave has been revoked."
        if was_used
        else "The refresh token is unknown: it is not one that was given to this client."
    )


def _is_given_again(client: Client) -> bool:
    """Whether a used token gives the same successor again, instead of another.

    A public client may run in several tabs, which share a token and refresh it at once: each
    continues with the successor that it was given. A confidential client is one program that has
    lost a response: the lost token becomes invalid (docs/adr/0022).
    """
    return client.is_public and client.refresh_grace > timedelta(0)


def _same_successor(
    token: str, client: Client, parameters: Parameters, now: datetime
) -> Entitlement | None:
    """Return the entitlement for a used token's successor again, or None. RFC 9700 §4.14.2, ADR 22.

    Only while the successor is unused. It may not be stored yet, if two tabs refresh at the same
    moment: then both store the same.
    """
    used = _just_used(token, client, now).first()
    if used is None:
        return None
    stored = RefreshToken.objects.filter(predecessor=used).first()
    values = successors_of(token)
    if stored is None:
        same: str | None = values[0]
    elif stored.revoked is None:  # None below: it was made under a server key that is gone
        same = next((it for it in values if hash_of(it) == stored.token_checksum), None)
    else:
        same = None
    if same is None:
        return None
    return replace(_entitlement(used, client, parameters, now), next_refresh_token=same)


def _another_successor(
    token: str, client: Client, parameters: Parameters, now: datetime
) -> Entitlement | None:
    """Return the entitlement for another successor of a used token, or None. RFC 9700 §4.14.2.

    Only while the lost successor is unused: it is used up in its place, so that no second chain is
    valid. Both are locked, so that one of several concurrent requests gets it.
    """
    with transaction.atomic():
        used = _just_used(token, client, now).select_for_update(of=("self",)).first()
        unused = RefreshToken.objects.select_for_update().filter(predecessor=used, revoked=None)
        lost = unused.first() if used else None
        if used is None or lost is None:
            return None
        entitlement = _entitlement(used, client, parameters, now)
        RefreshToken.objects.filter(pk=lost.pk).update(revoked=now)
    return replace(entitlement, undo=partial(give_back, REFRESH_TOKENS, lost))


def _just_used(token: str, client: Client, now: datetime) -> QuerySet[RefreshToken]:
    """Return the token, with its grant, if it was used within the client's grace."""
    since = now - client.refresh_grace
    grant = (f"grant__{name}" for name in ("user", "session", "client_session"))
    of_hash = RefreshToken.objects.filter(token_checksum=hash_of(token), application=client)
    return of_hash.filter(revoked__gte=since).select_related(*grant)  # type: ignore[no-any-return]
