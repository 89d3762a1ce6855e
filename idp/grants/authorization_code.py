"""The authorization code grant. RFC 6749 §4.1.3, RFC 7636 §4.6, OIDC Core §3.1.3."""

import hashlib
import hmac
import re
from base64 import urlsafe_b64encode
from datetime import datetime
from functools import partial
from typing import NoReturn

from django.http import HttpRequest

from foundation.statements import hash_of
from foundation.validity import Invalid, facts_of, why_invalid
from idp import policy
from idp.clients.encryption import have_key_ready
from idp.grants.ended import end_reused, refuse_ended
from idp.models import AuthorizationCode, Client
from idp.protocol.errors import InvalidGrant
from idp.protocol.parameters import Parameters
from idp.protocol.rules import upholds
from idp.statements.tokens import CODES, give_back, use_up
from idp.tokens.entitlement import Entitlement

_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")


def redeem(
    client: Client, parameters: Parameters, now: datetime, _request: HttpRequest
) -> Entitlement:
    """Use the code up, and return its entitlement.

    Raises InvalidGrant; a refused code stays used up, since a client that sends wrong values does
    not own it. A second redemption also revokes the grant.
    """
    code_hash = hash_of(parameters.require("code"))
    if client.id_token_encrypted_response_alg:
        have_key_ready(client, client.id_token_encrypted_response_alg)
    code = use_up(CODES, code_hash, client, now)
    if code is None:
        _refuse_unknown_or_used(code_hash, client, now)
    reason = why_invalid(facts_of(code), now)
    if reason is Invalid.EXPIRED:
        _refuse_expired()
    if reason is not None:
        refuse_ended("code", reason)
    _redirect_uri_is_the_same(code, parameters)
    verifier_matches_challenge(parameters.get("code_verifier"), code.code_challenge)
    grant = code.grant
    return Entitlement(
        client,
        grant,
        frozenset(grant.scope.split()),
        tuple(grant.resource),
        asked_resource=parameters.resources,
        device_secret=parameters.get("device_secret"),
        uses_up=True,
        undo=partial(give_back, CODES, code),
        bound_to=(code.cnf,) if code.cnf else (),
    )


@upholds("RFC 6749 §4.1.2")
def _refuse_expired() -> NoReturn:
    """RFC 6749 §4.1.2: codes are short-lived."""
    lifetime = int(policy.CODE_LIFETIME.total_seconds())
    raise InvalidGrant(f"The code has expired; codes live for {lifetime} seconds.")


@upholds("RFC 6749 §4.1.3")
def _redirect_uri_is_the_same(code: AuthorizationCode, parameters: Parameters) -> None:
    """RFC 6749 §4.1.3: a code is for the client instance that began at this address."""
    redirect_uri = parameters.get("redirect_uri")
    if redirect_uri is None:
        raise InvalidGrant(
            "The parameter redirect_uri is missing; send the one of the authorization request."
        )
    if redirect_uri != code.redirect_uri:
        raise InvalidGrant("The redirect_uri differs from the one of the authorization request.")


@upholds("RFC 7636 §4.6")
def verifier_matches_challenge(verifier: str | None, challenge: str | None) -> None:
    """Raise InvalidGrant unless this is the verifier of the S256 challenge. RFC 7636 §4.6.

    Where the authorization request had no challenge, the token request has no verifier.
    """
    if not challenge:
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
    if _VERIFIER.fullmatch(verifier) is None:  # RFC 7636 §4.1
        raise InvalidGrant(
            "The code_verifier is not 43 to 128 characters of letters, digits and -._~ alone."
        )
    digest = hashlib.sha256(verifier.encode("ascii")).digest()
    if not hmac.compare_digest(urlsafe_b64encode(digest).rstrip(b"=").decode(), challenge):
        raise InvalidGrant(
            "The code_verifier does not belong to the code_challenge of the authorization request."
        )


@upholds("RFC 6749 §4.1.2")
def _refuse_unknown_or_used(code_hash: str, client: Client, now: datetime) -> NoReturn:
    """RFC 6749 §4.1.2: a code that is redeemed again may be stolen, so its grant is revoked."""
    replayed = AuthorizationCode.objects.filter(
        code=code_hash, application=client, redeemed_at__isnull=False
    )
    was_used = end_reused(replayed, client, "A code came a second time.", now)
    raise InvalidGrant(
        "The code was used before, so all that it had given has been revoked."
        if was_used
        else "The code is unknown: it is not one that was given to this client, or is long over."
    )
