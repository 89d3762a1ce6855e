"""The authorization code grant. RFC 6749 §4.1.3, RFC 7636 §4.6, OIDC Core §3.1.3."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

from django.db import transaction

from idp import statements
from idp.grants import family
from idp.models import AuthorizationCode, Client
from idp.protocol import pkce
from idp.protocol.errors import InvalidGrant
from idp.protocol.parameters import Parameters
from idp.statements import RedeemedCode
from idp.tokens import opaque
from idp.tokens.authorization import Entitlement
from idp.tokens.revocation import revoke_families


@contextmanager
def redeem(client: Client, parameters: Parameters, now: datetime) -> Iterator[Entitlement]:
    """Take the code and give what it stands for; both hold once the tokens are issued, or neither.

    A code that is presented with wrong values is used up: whoever sent it does not own it.
    Raises InvalidGrant; a second redemption also revokes what the first gave.
    """
    code_hash = opaque.hash_of(parameters.require("code"))
    with transaction.atomic():
        code = statements.redeem_code(code_hash, client.pk, now)
        problem = "The code is unknown, or was used before." if code is None else None
        if code is not None:
            problem = _problem_with(code, parameters)
        if code is not None and problem is None:
            authorization = family.load(code.authorization_id)
            problem = family.problem_since(authorization)
            if problem is None:
                yield Entitlement(
                    client,
                    authorization,
                    frozenset(authorization.scope.split()),
                    family.resource_for(authorization, parameters),
                )
                return
    if code is None:
        # A code that comes again may have been stolen: nothing it gave lives on.
        replayed = AuthorizationCode.objects.filter(
            code=code_hash, application=client, redeemed_at__isnull=False
        )
        revoke_families(replayed.values("authorization_id"), now)
    raise InvalidGrant(problem or "")


def _problem_with(code: RedeemedCode, parameters: Parameters) -> str | None:
    """Return why the request does not fit the code, or None."""
    if code.expired:
        return "The code has expired; codes live a minute."
    if parameters.get("redirect_uri") != code.redirect_uri:
        return "The redirect_uri differs from the authorization request's."
    verifier = parameters.get("code_verifier")
    if not code.code_challenge:
        return verifier and "A code_verifier was sent, but no code_challenge had been."
    if verifier is None:
        return "The parameter code_verifier is missing."
    if not pkce.is_verifier(verifier) or not pkce.verifies(verifier, code.code_challenge):
        return "The code_verifier does not belong to the code_challenge."
    return None
