"""The authorization code grant. RFC 6749 §4.1.3, RFC 7636 §4.6, OIDC Core §3.1.3."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import NoReturn

from django.http import HttpRequest

from idp import policy
from idp.grants import family
from idp.models import AuthorizationCode, Client
from idp.protocol import pkce
from idp.protocol.errors import InvalidGrant
from idp.protocol.parameters import Parameters
from idp.protocol.rules import upholds
from idp.statements.presented import FoundCode, find_code
from idp.statements.taking import take_code
from idp.tokens import ahead, opaque
from idp.tokens.authorization import Entitlement


@contextmanager
def redeem(
    client: Client, parameters: Parameters, now: datetime, _http: HttpRequest
) -> Iterator[Entitlement]:
    """Give what the code stands for; it is used up when the tokens are stored.

    A code that is presented with wrong values is used up, too: whoever sent it does not own it.
    Raises InvalidGrant; a second redemption also revokes what the first gave.
    """
    code_hash = opaque.hash_of(parameters.require("code"))
    made = ahead.made_for(client, parameters, now)
    code = take_code(code_hash, made.stored, now) if made else None
    if code is None:
        made, code = None, find_code(code_hash, client.pk, now)
    if code is None:
        _refuse_unknown_or_used(code_hash, client, now)
    try:
        _has_not_expired(code)
        _redirect_uri_is_the_same(code, parameters)
        _verifier_belongs_to_the_challenge(code, parameters)
        family.still_holds(code.authorization)
    except InvalidGrant:
        ahead.refuse(code.spent, made, now)
        raise
    family.person_is_admitted(code.authorization, client)
    yield Entitlement(
        client,
        code.authorization,
        frozenset(code.authorization.scope.split()),
        family.resource_for(code.authorization, parameters),
        spent=code.spent,
        ahead=made,
    )


@upholds("RFC 6749 §4.1.2")
def _has_not_expired(code: FoundCode) -> None:
    """RFC 6749 §4.1.2: codes are short-lived."""
    if code.expired:
        lifetime = int(policy.CODE_LIFETIME.total_seconds())
        raise InvalidGrant(f"The code has expired; codes live for {lifetime} seconds.")


@upholds("RFC 6749 §4.1.3")
def _redirect_uri_is_the_same(code: FoundCode, parameters: Parameters) -> None:
    """RFC 6749 §4.1.3: the code is for whoever began at this address."""
    redirect_uri = parameters.get("redirect_uri")
    if redirect_uri is None:
        raise InvalidGrant(
            "The parameter redirect_uri is missing; send the one of the authorization request."
        )
    if redirect_uri != code.redirect_uri:
        raise InvalidGrant("The redirect_uri differs from the one of the authorization request.")


@upholds("RFC 7636 §4.6")
def _verifier_belongs_to_the_challenge(code: FoundCode, parameters: Parameters) -> None:
    """RFC 7636 §4.6: the code is for whoever made the challenge."""
    verifier = parameters.get("code_verifier")
    if not code.code_challenge:
        if verifier is not None:
            raise InvalidGrant(
                "A code_verifier came, but the authorization request had no code_challenge."
            )
        return
    if verifier is None:
        raise InvalidGrant(
            "The parameter code_verifier is missing, but the authorization request had a "
            "code_challenge."
        )
    if not pkce.is_verifier(verifier):
        raise InvalidGrant(
            "The code_verifier is not 43 to 128 characters of letters, digits and -._~ alone."
        )
    if not pkce.verifies(verifier, code.code_challenge):
        raise InvalidGrant(
            "The code_verifier does not belong to the code_challenge of the authorization request."
        )


@upholds("RFC 6749 §4.1.2")
def _refuse_unknown_or_used(code_hash: str, client: Client, now: datetime) -> NoReturn:
    """RFC 6749 §4.1.2: a code that comes again may be stolen, so nothing it gave lives on."""
    replayed = AuthorizationCode.objects.filter(
        code=code_hash, application=client, redeemed_at__isnull=False
    )
    was_used = family.end_reused(replayed, client, "A code came a second time.", now)
    raise InvalidGrant(
        "The code was used before, so all that it had given has been revoked."
        if was_used
        else "The code is unknown: it is not one that was given to this client, or is long over."
    )
