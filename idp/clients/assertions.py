"""Client assertions: a JWT that authenticates its client. OIDC Core §9, RFC 7523 §3.

One of its own is used once. One of a trusted issuer is that of a workload (`clients.workloads`).
"""

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.http import HttpRequest

from idp import policy
from idp.clients import secrets, workloads
from idp.clients.client_keys import verification_keys
from idp.jose.received_jwts import LEEWAY, Audience, Expectations, judge
from idp.jose.verify import header_of, octet_keys, unverified_claims, verified_by
from idp.models import Client
from idp.models.trusted_issuer import trust_domain_of
from idp.protocol.errors import InvalidClient, InvalidRequest
from idp.protocol.rules import upholds
from idp.statements.assertions import use_assertion

TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
#: OAuth SPIFFE Client Authentication §3: the same for a JWT-SVID, which no client signs itself.
_OF_SVIDS = "urn:ietf:params:oauth:client-assertion-type:jwt-spiffe"
#: Allowed values of an assertion's `typ`: none, or one that no other kind of token has.
_TYPES = (None, "JWT", "client-authentication+jwt")
_LONGEST_LIFE = {
    Client.Profile.FAPI2: timedelta(minutes=5),
    Client.Profile.RECOMMENDED: timedelta(minutes=5),
    # Authlib's are valid for an hour by default; each still works once.
    Client.Profile.COMPATIBLE: timedelta(hours=1),
}


@dataclass(frozen=True)
class Assertion:
    """An assertion as it came with one request."""

    jwt: str
    #: What it is about, and its method, before any of it is believed.
    subject: str
    method: str
    #: Whether the client signed it itself: then the subject is its client_id.
    is_own: bool


@upholds("RFC 7521 §4.2")
def read(assertion_type: str | None, jwt: str | None) -> Assertion:
    """Return the assertion of a request. Raises InvalidRequest, InvalidClient. RFC 7521 §4.2."""
    if jwt is None or assertion_type is None:
        raise InvalidRequest("client_assertion and client_assertion_type have to come together.")
    if assertion_type not in {TYPE, _OF_SVIDS}:
        raise InvalidRequest(f"The client_assertion_type has to be {TYPE}.")
    header, claims = header_of(jwt), unverified_claims(jwt)
    subject, issuer = claims.get("sub"), claims.get("iss")
    if header is None or not isinstance(subject, str) or not subject or "\0" in subject:
        raise InvalidClient("The client_assertion is not a signed JWT with a subject (sub).")
    shared = header["alg"] in policy.MAC_ALGORITHMS
    is_own = assertion_type == TYPE and issuer in (subject, None) and not trust_domain_of(subject)
    method = "client_secret_jwt" if shared else "private_key_jwt"
    return Assertion(jwt, subject, method, is_own)


@upholds("RFC 7523 §3")
def verify(
    client: Client, assertion: Assertion, now: datetime, request: HttpRequest | None = None
) -> None:
    """Check that the assertion authenticates the client, and use it up. Raises InvalidClient."""
    if not assertion.is_own:
        workloads.verify(client, assertion.jwt, now, request)
        return
    expected = _expectations(client)

    def keys(header: dict[str, Any]) -> list[dict[str, Any]]:
        if assertion.method == "client_secret_jwt":
            return octet_keys(secrets.hmac_keys(client, now))
        return verification_keys(client, header.get("kid"))

    claims = judge(assertion.jwt, expected, keys, now)
    if assertion.method == "client_secret_jwt":
        _note_use_of_secret(client, assertion.jwt, expected.algorithms, now)
    _is_used_once(client, claims)


def _expectations(client: Client) -> Expectations:
    """Return the expected claims and algorithms of this client's assertions. RFC 7523 §3.

    Of several audiences each has to be ours, or another of them could use it (CVE-2025-27370). A
    client of the profiles recommended and fapi2 names the issuer alone, in one text, as rfc7523bis
    and FAPI 2.0 Security Profile §5.3.2.1 require. The lifetime is limited, since a long one helps
    thieves.
    """
    compatible = client.profile == Client.Profile.COMPATIBLE
    others = ("pushed_authorization_request_endpoint", "backchannel_authentication_endpoint")
    names = (*policy.AUTHENTICATED_ENDPOINTS, *others)
    endpoints = [*map(policy.address, names), *policy.OLD_ENDPOINTS]
    endpoints += policy.MTLS_ALIASES.values()
    return Expectations(
        name="client_assertion",
        error=InvalidClient,
        algorithms=_algorithms(client),
        types=_TYPES,
        issuer=client.client_id,
        subject=client.client_id,
        audiences=(policy.ISSUER, *(endpoints if compatible else ())),
        audience=Audience.ALL_OURS if compatible else Audience.ALONE,
        required=frozenset({"iss", "sub", "aud", "exp", "jti"}),
        longest_life=_LONGEST_LIFE[Client.Profile(client.profile)],
    )


def _algorithms(client: Client) -> frozenset[str]:
    """Return the algorithms allowed for this client's assertions. OIDC Registration §2."""
    if client.has_high_security and not client.token_endpoint_auth_signing_alg:
        return frozenset(policy.FAPI2_ALGORITHMS)
    if client.token_endpoint_auth_signing_alg:
        return frozenset({client.token_endpoint_auth_signing_alg})
    if client.token_endpoint_auth_method == "client_secret_jwt":
        return frozenset(policy.MAC_ALGORITHMS)
    return frozenset(policy.SIGNING_ALGORITHMS)


def _note_use_of_secret(
    client: Client, jwt: str, algorithms: frozenset[str], now: datetime
) -> None:
    """Record which of the client's secrets signed the assertion."""
    for key in secrets.hmac_keys(client, now):
        if verified_by(jwt, octet_keys([key]), algorithms) is not None:
            used = secrets.find(client, key.decode(), now)
            if used is not None:
                secrets.note_use(used, now)
            return


@upholds("RFC 7523 §3")
def _is_used_once(client: Client, claims: dict[str, Any]) -> None:
    """RFC 7523 §3: an assertion can't be replayed."""
    jti_hash = hashlib.sha256(claims["jti"].encode("utf-8", "surrogatepass")).hexdigest()
    ends_at = datetime.fromtimestamp(claims["exp"], UTC) + LEEWAY
    if not use_assertion(client.pk, jti_hash, ends_at):
        raise InvalidClient("The client_assertion was used before: its jti works once.")
