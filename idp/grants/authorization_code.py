"""The authorization code grant. RFC 6749 §4.1.3, RFC 7636 §4.6, OIDC Core §3.1.3."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import NoReturn

from django.db import transaction
from django.http import HttpRequest

from idp import policy, statements
from idp.grants import family
from idp.models import Authorization, AuthorizationCode, Client
from idp.protocol import pkce
from idp.protocol.errors import InvalidGrant
from idp.protocol.parameters import Parameters
from idp.statements import RedeemedCode
from idp.tokens import opaque
from idp.tokens.authorization import Entitlement


@contextmanager
def redeem(
    client: Client, parameters: Parameters, now: datetime, _http: HttpRequest
) -> Iterator[Entitlement]:
    """Take the code and give what it stands for; both hold once the tokens are issued, or neither.

    A code that is presented with wrong values is used up: whoever sent it does not own it.
    Raises InvalidGrant; a second redemption also revokes what the first gave.
    """
    code_hash = opaque.hash_of(parameters.require("code"))
    with transaction.atomic():
        code = statements.redeem_code(code_hash, client.pk, now)
        try:
            authorization = _given_by(code, parameters) if code else None
        except InvalidGrant as error:
            refusal = error  # raised when the code is used up for good
        else:
            if authorization is not None:
                family.person_is_admitted(authorization, client)
                yield Entitlement(
                    client,
                    authorization,
                    frozenset(authorization.scope.split()),
                    family.resource_for(authorization, parameters),
                )
                return
    if code is None:
        _refuse_unknown_or_used(code_hash, client, now)
    raise refusal


def _given_by(code: RedeemedCode, parameters: Parameters) -> Authorization:
    """Return what the code stands for, or raise InvalidGrant."""
    _has_not_expired(code)
    _redirect_uri_is_the_same(code, parameters)
    _verifier_belongs_to_the_challenge(code, parameters)
    authorization = family.load(code.authorization_id)
    family.still_holds(authorization)
    return authorization


def _has_not_expired(code: RedeemedCode) -> None:
    """RFC 6749 §4.1.2: codes are short-lived."""
    if code.expired:
        lifetime = int(policy.CODE_LIFETIME.total_seconds())
        raise InvalidGrant(f"The code has expired; codes live for {lifetime} seconds.")


def _redirect_uri_is_the_same(code: RedeemedCode, parameters: Parameters) -> None:
    """RFC 6749 §4.1.3: the code is for whoever began at this address."""
    redirect_uri = parameters.get("redirect_uri")
    if redirect_uri is None:
        raise InvalidGrant(
            "The parameter redirect_uri is missing; send the one of the authorization request."
        )
    if redirect_uri != code.redirect_uri:
        raise InvalidGrant("The redirect_uri differs from the one of the authorization request.")


def _verifier_belongs_to_the_challenge(code: RedeemedCode, parameters: Parameters) -> None:
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
