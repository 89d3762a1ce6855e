"""Signed backchannel authentication requests. OIDC CIBA §7.1.1."""

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

from idp import policy
from idp.authorization.request_object import texts_of
from idp.clients.client_keys import verification_keys
from idp.jose.received_jwts import LEEWAY, Expectations, judge
from idp.models import Client
from idp.protocol.errors import InvalidRequest, InvalidRequestObject
from idp.protocol.parameters import Parameters
from idp.protocol.rules import upholds
from idp.statements.assertions import use_assertion

#: Parameters that may stand beside the signed ones: how the client authenticates.
_BESIDE = frozenset(
    {"request", "client_id", "client_secret", "client_assertion", "client_assertion_type"}
)
_TYPES = (None, "JWT", "jwt", "oauth-authz-req+jwt", "application/oauth-authz-req+jwt")
_REQUIRED = frozenset({"iss", "aud", "exp", "iat", "nbf", "jti"})
#: How far in the future its exp may be: its jti is remembered until then.
_LONGEST_LIFE = timedelta(hours=1)


def parameters_of(client: Client, parameters: Parameters, now: datetime) -> Parameters:
    """Return the parameters of a request: the signed ones, if it is signed. Raises InvalidRequest.

    A client that registered an algorithm has to sign, and no other may. A signed request works
    once.
    """
    algorithm = client.backchannel_authentication_request_signing_alg
    jwt = parameters.get("request")
    if jwt is None:
        _needs_none(algorithm)
        return parameters
    _is_registered_for_that(algorithm)
    _nothing_stands_beside(parameters)
    claims = judge(
        jwt,
        _expectations(client, algorithm),
        lambda header: verification_keys(client, header.get("kid")),
        now,
    )
    _is_used_once(client, claims)
    return _inside(claims)


@upholds("OIDC CIBA §7.1.1")
def _needs_none(algorithm: str) -> None:
    """OIDC CIBA §4: a client that registered an algorithm signs its requests."""
    if algorithm:
        raise InvalidRequest("This client has to sign its requests; send the parameter request.")


@upholds("OIDC CIBA §4")
def _is_registered_for_that(algorithm: str) -> None:
    """OIDC CIBA §4: without an algorithm, the client sends no signed requests."""
    if not algorithm:
        raise InvalidRequest(
            "The request is signed, but this client is not registered for that "
            "(backchannel_authentication_request_signing_alg)."
        )


@upholds("OIDC CIBA §7.1.1")
def _nothing_stands_beside(parameters: Parameters) -> None:
    """OIDC CIBA §7.1.1: what is not signed could be anybody's."""
    beside = sorted(parameters.values.keys() - _BESIDE)
    if beside:
        raise InvalidRequest(f"The parameter {beside[0]} stands outside of the signed request.")


def _expectations(client: Client, algorithm: str) -> Expectations:
    """Return the expected claims of this client's signed requests. OIDC CIBA §7.1.1."""
    return Expectations(
        name="signed request",
        error=InvalidRequest,
        algorithms=frozenset({algorithm}),
        types=_TYPES,
        issuer=client.client_id,
        audiences=(policy.ISSUER,),
        required=_REQUIRED,
        longest_life=_LONGEST_LIFE,
    )


@upholds("OIDC CIBA §7.1.1")
def _is_used_once(client: Client, claims: dict[str, Any]) -> None:
    """OIDC CIBA §7.1.1: a signed request can't be replayed, nor one that is an assertion.

    Its jti is apart from those of client assertions.
    """
    name = f"backchannel request {claims['jti']}".encode("utf-8", "surrogatepass")
    ends_at = datetime.fromtimestamp(claims["exp"], UTC) + LEEWAY
    if not use_assertion(client.pk, hashlib.sha256(name).hexdigest(), ends_at):
        raise InvalidRequest("The signed request was used before: its jti works once.")


@upholds("OIDC CIBA §7.1.1")
def _inside(claims: dict[str, Any]) -> Parameters:
    """Return the signed parameters. requested_expiry may be a number there. OIDC CIBA §7.1.1."""
    expiry = claims.get("requested_expiry")
    if isinstance(expiry, int) and not isinstance(expiry, bool):
        claims = {**claims, "requested_expiry": str(expiry)}
    try:
        texts, resources = texts_of(claims)
    except InvalidRequestObject as error:
        raise InvalidRequest(error.description) from None
    return Parameters({name: text for name, text in texts.items() if text}, resources=resources)
