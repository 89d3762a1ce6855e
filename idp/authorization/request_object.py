"""Request objects: signed parameters of a client, by value or at a request_uri.

OIDC Core §6, RFC 9101. Once read they are parameters like any others, and no later code
distinguishes them.
"""

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.core.cache import cache

from foundation import rate_limits
from foundation.rate_limits import RateLimit, RateLimitExceededError
from idp import fetching, keys, outbound, policy
from idp.authorization.request import Arrival
from idp.clients import secrets
from idp.clients.client_keys import verification_keys
from idp.jose.decrypt import decrypted
from idp.jose.received_jwts import LEEWAY, Expectations, authentic, judge_claims
from idp.jose.signatures import base64url
from idp.jose.verify import is_encrypted, octet_keys
from idp.models import Client
from idp.protocol.authorization_details import PARAMETER
from idp.protocol.errors import (
    InvalidRequest,
    InvalidRequestObject,
    InvalidRequestUri,
    TemporarilyUnavailable,
)
from idp.protocol.parameters import Parameters
from idp.protocol.rules import upholds

#: Rate limits on fetching one client's request objects: per visitor, so that one does not use up
#: what others need, and in total. Objects whose request_uri has their hash as fragment are cached.
FETCHES_FOR_VISITOR = RateLimit("request-objects-for-visitor", 60, timedelta(minutes=1))
FETCHES = RateLimit("request-objects", 600, timedelta(minutes=1))
#: Seconds.
KEPT_FOR = 600
_CONTENT_TYPES = ("application/oauth-authz-req+jwt", "application/jwt")
_TYPES = (None, "JWT", "jwt", "oauth-authz-req+jwt", "application/oauth-authz-req+jwt")
#: Claims about the JWT itself, which are not parameters (RFC 7519 §4.1).
_OF_THE_OBJECT = frozenset({"iss", "aud", "sub", "exp", "nbf", "iat", "jti"})
#: Parameters that are texts, and have no further meaning here.
_TEXTS = frozenset(
    {
        *("acr_values", "claims_locales", "client_id", "code_challenge", "code_challenge_method"),
        *("display", "id_token_hint", "login_hint", "nonce", "prompt", "redirect_uri"),
        *("response_mode", "response_type", "scope", "state", "ui_locales"),
    }
)
_HOW_IT_CAME = frozenset({"request", "request_uri"})
#: Claims that a request object has to have: RFC 9101 §4 only recommends them; FAPI 2.0 Message
#: Signing §5.3.1 demands them.
_REQUIRED = {
    Client.Profile.COMPATIBLE: frozenset[str](),
    Client.Profile.RECOMMENDED: frozenset({"iss", "aud", "exp"}),
    Client.Profile.FAPI2: frozenset({"iss", "aud", "exp", "nbf"}),
}
#: How old a request object of the profile fapi2 may be, and how long it may live.
_FAPI2_LIFETIME = timedelta(minutes=60)


@dataclass(frozen=True)
class RequestObject:
    """A client's signed parameters, and the parameters that came beside them."""

    claims: dict[str, Any]
    outside: Parameters
    #: Whether its client requires all parameters to be signed (RFC 9101 §10.5).
    required: bool = False

    @property
    def parameters(self) -> Parameters:
        """The parameters: those inside override those outside. OIDC Core §6.1.

        If only the object has a response_type, RFC 9101 §6.3 applies: parameters outside are
        ignored. They are ignored, too, if the client has to sign. Raises InvalidRequestObject for
        members that can't be parameters.
        """
        inside, resources = texts_of(self.claims)
        outside = {n: v for n, v in self.outside.values.items() if n not in _HOW_IT_CAME}
        if self.required or "response_type" not in outside:
            return Parameters(
                {"client_id": outside["client_id"], **inside}, self.outside.repeated, resources
            )
        return Parameters(
            {**outside, **inside}, self.outside.repeated, resources or self.outside.resources
        )


def read(client: Client, arrival: Arrival, visitor: str, now: datetime) -> RequestObject | None:
    """Return the request object of a request, signed by its client; None if it has none.

    `visitor` is the key of rate limits. Raises InvalidRequest, InvalidRequestObject,
    InvalidRequestUri, TemporarilyUnavailable.
    """
    parameters = arrival.parameters
    by_value, by_reference = parameters.get("request"), parameters.get("request_uri")
    if by_value is None and by_reference is None:
        _needs_none(client, arrival)
        return None
    if by_reference is not None:
        by_value = _fetched(client, by_reference, visitor, also=by_value)
    claims = _authentic(client, _decrypted(client, by_value or ""), now)
    return RequestObject(claims, parameters, client.require_signed_request_object)


def check(client: Client, found: RequestObject, now: datetime) -> None:
    """Raise InvalidRequestObject where it is not for us, not of now, or not this request's."""
    _is_for_us_and_now(client, found.claims, now)
    if client.has_high_security:
        _is_of_this_hour(found.claims, now)
    _is_no_assertion(client, found.claims)
    _agrees_with_outside(found)
    _holds_no_other(found.claims)


@upholds("RFC 9101 §10.5")
def _needs_none(client: Client, arrival: Arrival) -> None:
    """RFC 9101 §10.5: a client that has to sign did so. Stored requests were checked before."""
    is_stored = arrival.interaction_id is not None or arrival.was_pushed
    if client.require_signed_request_object and not is_stored:
        raise InvalidRequest(
            "This client has to sign its requests; send the parameter request or request_uri."
        )


# --- fetching -----------------------------------------------------------------------------------


@upholds("OIDC Core §6.2")
def _fetched(client: Client, uri: str, visitor: str, *, also: str | None) -> str:
    """Return the object at a registered request_uri. OIDC Core §6.2, RFC 9101 §10.4.

    If the fragment is the hash of the content, the content is cached. Otherwise it may be another
    request each time, so it is fetched each time, within rate limits.
    """
    if also is not None:
        raise InvalidRequest("The parameters request and request_uri came together; send one.")
    address, _, fragment = uri.partition("#")
    if address not in {registered.partition("#")[0] for registered in client.request_uris}:
        raise InvalidRequestUri("The request_uri is not one that is registered for this client.")
    name = f"request-object:{client.pk}:{hashlib.sha256(uri.encode()).hexdigest()}"
    kept: str | None = cache.get(name) if fragment else None
    if kept is not None:
        return kept
    _may_be_fetched(client, visitor)
    try:
        body = fetching.ask(address, _CONTENT_TYPES, fetching.party_of(client)).body
    except outbound.OutboundError as problem:
        raise InvalidRequestUri(f"The request_uri could not be used: {problem}") from None
    jwt = body.decode("ascii", "replace").strip()
    if fragment == base64url(hashlib.sha256(body).digest()):
        cache.set(name, jwt, KEPT_FOR)
    return jwt


@upholds("RFC 9101 §10.4")
def _may_be_fetched(client: Client, visitor: str) -> None:
    """RFC 9101 §10.4: limit the fetches that a request can cause."""
    of_client = str(client.pk)
    try:
        rate_limits.count((FETCHES_FOR_VISITOR, f"{of_client} {visitor}"), (FETCHES, of_client))
    except RateLimitExceededError as exceeded:
        raise TemporarilyUnavailable.for_now(
            "This client's request objects were fetched too often, which a request_uri with the "
            "hash of its content for a fragment avoids.",
            exceeded.retry_after,
        ) from None


# --- signature ----------------------------------------------------------------------------------


@upholds("OIDC Core §6.1")
def _decrypted(client: Client, jwt: str) -> str:
    """Return the signed object, decrypted if necessary. OIDC Core §6.1, RFC 9101 §6.1.

    Only a client that registered for encryption may encrypt: others cannot make us decrypt.
    """
    if not is_encrypted(jwt):
        return jwt
    alg, enc = client.request_object_encryption_alg, client.request_object_encryption_enc
    if not alg:
        raise InvalidRequestObject(
            "The request object is encrypted, but this client is not registered for that "
            "(request_object_encryption_alg)."
        )
    inside = decrypted(jwt, keys.decryption_keys(alg), alg=alg, encs=[enc])
    if inside is None:
        raise InvalidRequestObject(
            f"The request object cannot be decrypted; it has to be encrypted with {alg} and {enc} "
            "to a key that is published now."
        )
    return inside


@upholds("RFC 9101 §6.2")
def _authentic(client: Client, jwt: str, now: datetime) -> dict[str, Any]:
    """RFC 9101 §6.2: signed with the client's own key and registered algorithm; never unsigned."""

    def keys(header: dict[str, Any]) -> list[dict[str, Any]]:
        if header["alg"] in policy.MAC_ALGORITHMS:
            return octet_keys(secrets.hmac_keys(client, now))
        return verification_keys(client, header.get("kid"))

    return authentic(jwt, _expectations(client), keys)


def _expectations(client: Client) -> Expectations:
    """Return the expected claims and algorithms of this client's request objects. RFC 9101 §4.

    Each profile has claims that have to be there. Algorithms are those of fapi2 for its clients.
    """
    registered = client.request_object_signing_alg
    offered = policy.FAPI2_ALGORITHMS if client.has_high_security else policy.SIGNING_ALGORITHMS
    return Expectations(
        name="request object",
        error=InvalidRequestObject,
        algorithms=frozenset([registered] if registered else offered),
        types=_TYPES,
        issuer=client.client_id,
        audiences=(policy.ISSUER,),
        required=_REQUIRED[Client.Profile(client.profile)],
        times=("exp", "nbf"),
    )


# --- parameters ----------------------------------------------------------------------------------


@upholds("RFC 9101 §4")
def _is_for_us_and_now(client: Client, claims: dict[str, Any], now: datetime) -> None:
    """RFC 9101 §4, §10.2: the client signed it for this server, and lately."""
    judge_claims(claims, _expectations(client), now)


@upholds("FAPI 2.0 Message Signing §5.3.1")
def _is_of_this_hour(claims: dict[str, Any], now: datetime) -> None:
    """FAPI 2.0 Message Signing §5.3.1: nbf is an hour ago at most, and exp an hour after that."""
    longest, begins = _FAPI2_LIFETIME.total_seconds(), claims["nbf"]
    if begins < now.timestamp() - longest - LEEWAY.total_seconds():
        raise InvalidRequestObject("The nbf of the request object is more than 60 minutes ago.")
    if claims["exp"] > begins + longest:
        raise InvalidRequestObject(
            "The exp of the request object is more than 60 minutes after its nbf."
        )


@upholds("RFC 9101 §10.8")
def _is_no_assertion(client: Client, claims: dict[str, Any]) -> None:
    """RFC 9101 §10.8: a JWT that a client signed for another purpose is not a request object."""
    if claims.get("sub") == client.client_id:
        raise InvalidRequestObject(
            "The request object's sub is the client_id, as of an assertion; leave it out."
        )


@upholds("OIDC Core §6.1")
def _agrees_with_outside(found: RequestObject) -> None:
    """OIDC Core §6.1: client_id and response_type are the same inside and outside."""
    for name in ("client_id", "response_type"):
        inside, outside = found.claims.get(name), found.outside.get(name)
        if inside is not None and outside is not None and inside != outside:
            raise InvalidRequestObject(f"The {name} inside the request object differs from {name}.")


@upholds("OIDC Core §6.1")
def _holds_no_other(claims: dict[str, Any]) -> None:
    """OIDC Core §6.1: request and request_uri are not inside of request objects."""
    if _HOW_IT_CAME & claims.keys():
        raise InvalidRequestObject("A request object cannot hold request or request_uri.")


@upholds("RFC 9101 §4")
def texts_of(claims: dict[str, Any]) -> tuple[dict[str, str], tuple[str, ...]]:
    """Return the members as parameters are, and `resource`, which may be several. RFC 9101 §4."""
    values = {
        name: text
        for name, value in claims.items()
        if name not in _OF_THE_OBJECT | _HOW_IT_CAME and (text := _text_of(name, value))
    }
    resource = claims.get("resource") or []  # an empty parameter counts as absent
    resources = tuple(resource) if isinstance(resource, list) else (values["resource"],)
    for text in (*values.values(), *resources):
        if not isinstance(text, str) or "\0" in text or not _is_text(text):
            raise InvalidRequestObject("A member of the request object is not a readable text.")
    return values, resources


@upholds("RFC 9101 §4")
def _text_of(name: str, value: Any) -> str | None:
    """Return a member as the text of a parameter, None if it is ignored. RFC 9101 §4."""
    match value:
        case str():
            return value
        case bool():
            pass
        case int() if name == "max_age" and 0 <= value < 10**9:
            return str(value)
        case dict() if name == "claims":
            return json.dumps(value)
        case list() if name == "resource":
            return str(value[-1]) if value else None
        case list() if name == PARAMETER:
            return json.dumps(value)
    if name in _TEXTS or name in {"max_age", "claims", "resource", PARAMETER}:
        raise InvalidRequestObject(f"The {name} inside the request object is of the wrong type.")
    return None


def _is_text(text: str) -> bool:
    """Whether it is UTF-8: JSON can hold halves of characters."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
