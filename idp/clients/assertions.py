"""Client assertions: a JWT that proves its client, once. OIDC Core §9, RFC 7523 §3."""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from idp import policy
from idp.clients import secrets
from idp.clients.keys import public_keys
from idp.jose.verify import header_of, octet_keys, unproven_claims, verified_by
from idp.models import Client
from idp.protocol.errors import InvalidClient, InvalidRequest
from idp.protocol.rules import upholds
from idp.statements.assertions import use_assertion

TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
#: How much two clocks may differ, in seconds.
LEEWAY = 30
#: What an assertion's `typ` may be: none, or one that no other kind of token has.
_TYPES = (None, "JWT", "client-authentication+jwt")
_LONGEST_LIFE = {
    Client.Profile.RECOMMENDED: timedelta(minutes=5),
    # Authlib's are good for an hour unless told otherwise; each still works once.
    Client.Profile.COMPATIBLE: timedelta(hours=1),
}


@dataclass
class Assertion:
    """An assertion as it came with one request."""

    jwt: str
    #: The client that it is about, and its method, before any of it is believed.
    subject: str
    method: str
    #: Whether this request has used it up: trying again with a newer client row needs it twice.
    spent: bool = False


@upholds("RFC 7521 §4.2")
def read(assertion_type: str | None, jwt: str | None) -> Assertion:
    """Return the assertion of a request. Raises InvalidRequest, InvalidClient. RFC 7521 §4.2."""
    if jwt is None or assertion_type is None:
        raise InvalidRequest("client_assertion and client_assertion_type have to come together.")
    if assertion_type != TYPE:
        raise InvalidRequest(f"The client_assertion_type has to be {TYPE}.")
    header, subject = header_of(jwt), unproven_claims(jwt).get("sub")
    if header is None or not isinstance(subject, str) or not subject or "\0" in subject:
        raise InvalidClient("The client_assertion is not a signed JWT with a subject (sub).")
    shared = header["alg"] in policy.MAC_ALGORITHMS
    return Assertion(jwt, subject, "client_secret_jwt" if shared else "private_key_jwt")


def prove(client: Client, assertion: Assertion, now: datetime) -> None:
    """Return if the assertion proves the client, and use it up. Raises InvalidClient."""
    claims = _authentic(client, assertion, now)
    _is_about_the_client(client, claims)
    _is_for_us(client, claims)
    expires_at = _is_of_now(client, claims, now)
    _is_used_once(client, assertion, claims, expires_at)


@upholds("RFC 8725 §3.1")
def _authentic(client: Client, assertion: Assertion, now: datetime) -> dict[str, Any]:
    """RFC 8725 §3.1: the client's own key, and the algorithm that it registered."""
    header = header_of(assertion.jwt) or {}
    algorithms = _algorithms(client)
    if header.get("alg") not in algorithms:
        raise InvalidClient(
            f"The client_assertion is signed with {header.get('alg')}; for this client it has to "
            f"be {' or '.join(sorted(algorithms))}."
        )
    if header.get("typ") not in _TYPES:
        raise InvalidClient("The client_assertion is a JWT of another type (typ).")
    found = (
        _signed_with_secret(client, assertion.jwt, algorithms, now)
        if assertion.method == "client_secret_jwt"
        else _signed_with_key(client, assertion.jwt, algorithms)
    )
    if found is None:
        raise InvalidClient("The client_assertion is not signed with a key of this client.")
    return found


def _algorithms(client: Client) -> frozenset[str]:
    """Return what an assertion of this client may be signed with. OIDC Registration §2."""
    if client.token_endpoint_auth_signing_alg:
        return frozenset({client.token_endpoint_auth_signing_alg})
    if client.token_endpoint_auth_method == "client_secret_jwt":
        return frozenset(policy.MAC_ALGORITHMS)
    return frozenset(policy.SIGNING_ALGORITHMS)


def _signed_with_key(client: Client, jwt: str, algorithms: frozenset[str]) -> dict[str, Any] | None:
    """Return the claims if one of the client's keys has signed them, or one that is new to us."""
    keys, kid = public_keys(client), (header_of(jwt) or {}).get("kid")
    if client.jwks_uri and not any(key.get("kid") == kid for key in keys):
        keys = public_keys(client, unknown_kid=True)
    return verified_by(jwt, keys, algorithms)


def _signed_with_secret(
    client: Client, jwt: str, algorithms: frozenset[str], now: datetime
) -> dict[str, Any] | None:
    for key in secrets.hmac_keys(client, now):
        claims = verified_by(jwt, octet_keys([key]), algorithms)
        if claims is not None:
            used = secrets.find(client, key.decode(), now)
            if used is not None:
                secrets.note_use(used, now)
            return claims
    return None


@upholds("RFC 7523 §3")
def _is_about_the_client(client: Client, claims: dict[str, Any]) -> None:
    """RFC 7523 §3: a client speaks for itself."""
    if claims.get("iss") != client.client_id or claims.get("sub") != client.client_id:
        raise InvalidClient("The client_assertion's iss and sub both have to be the client_id.")


@upholds("RFC 7523 §3")
def _is_for_us(client: Client, claims: dict[str, Any]) -> None:
    """RFC 7523 §3: what was meant for another server proves nothing here.

    Of several audiences each has to be ours, or another of them could use it (CVE-2025-27370). A
    client of the recommended profile names the issuer, alone, as rfc7523bis has it.
    """
    audience = claims.get("aud")
    if audience == policy.ISSUER:
        return
    if client.profile == Client.Profile.COMPATIBLE:
        named = audience if isinstance(audience, list) else [audience]
        ours = [policy.ISSUER, *(policy.address(name) for name in policy.AUTHENTICATED_ENDPOINTS)]
        if named and all(isinstance(value, str) and value in ours for value in named):
            return
    raise InvalidClient(f"The client_assertion's aud has to be {policy.ISSUER} alone.")


@upholds("RFC 7523 §3")
def _is_of_now(client: Client, claims: dict[str, Any], now: datetime) -> datetime:
    """RFC 7523 §3: an assertion is of the moment; what lives long can be stolen for long."""
    moment = now.timestamp()
    expires, issued, begins = (_time(claims, name) for name in ("exp", "iat", "nbf"))
    if expires is None:
        raise InvalidClient("The client_assertion has no exp.")
    if expires <= moment - LEEWAY:
        raise InvalidClient("The client_assertion has expired (exp).")
    longest = _LONGEST_LIFE[Client.Profile(client.profile)].total_seconds()
    if expires > moment + longest + LEEWAY:
        raise InvalidClient(
            f"The client_assertion's exp is too far ahead; it may be {longest:.0f} seconds."
        )
    if max(issued or 0, begins or 0) > moment + LEEWAY:
        raise InvalidClient("The client_assertion's iat or nbf is in the future.")
    return now + timedelta(seconds=expires - moment + LEEWAY)


@upholds("RFC 7519 §2")
def _time(claims: dict[str, Any], name: str) -> float | None:
    """Return a moment in seconds, or raise InvalidClient. RFC 7519 §2, NumericDate."""
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > 1e11:
        raise InvalidClient(f"The client_assertion's {name} is not a number of seconds.")
    return float(value)


@upholds("RFC 7523 §3")
def _is_used_once(
    client: Client, assertion: Assertion, claims: dict[str, Any], expires_at: datetime
) -> None:
    """RFC 7523 §3: whoever overhears an assertion can't use it again."""
    jti = claims.get("jti")
    if not isinstance(jti, str) or not jti:
        raise InvalidClient("The client_assertion has no jti.")
    if assertion.spent:
        return
    jti_hash = hashlib.sha256(jti.encode("utf-8", "surrogatepass")).hexdigest()
    if not use_assertion(client.pk, jti_hash, expires_at):
        raise InvalidClient("The client_assertion was used before: its jti works once.")
    assertion.spent = True
