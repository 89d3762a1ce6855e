"""Trusted issuers: finding one, its keys, and what its JWTs have to be. RFC 7523 §3, RFC 8414 §3.

All that others sign for clients and about users is judged by what is said here, in
`jose.received_jwts`. Keys are fetched and cached by `fetched_keys`.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

from idp import fetched_keys, fetching, outbound, policy
from idp.fetching import Party
from idp.jose import public_keys
from idp.jose.received_jwts import LEEWAY, Audience, Expectations, Keys
from idp.jose.verify import unverified_claims
from idp.models import TrustedIssuer
from idp.models.trusted_issuer import trust_domain_of
from idp.protocol import addresses, json_objects
from idp.protocol.errors import InvalidRequest, ProtocolError
from idp.protocol.rules import upholds
from idp.statements.assertions import use_issuer_jwt

Claims = dict[str, Any]
Purpose = TrustedIssuer.Purpose
#: SPIFFE JWT-SVID §6: what keys of a trust domain's bundle are for.
_OF_SVIDS = "jwt-svid"
_CONTENT_TYPES = ("application/json",)
_OPENID, _OAUTH = ("/.well-known/openid-configuration", "/.well-known/oauth-authorization-server")


def names_in(jwt: str) -> frozenset[str]:
    """Return who may have issued a JWT, before any of it is believed.

    Its `iss`, and the trust domain of its `sub`, since a SPIFFE JWT-SVID need not have an `iss`.
    """
    claims = unverified_claims(jwt)
    issuer, subject = claims.get("iss"), claims.get("sub")
    domain = trust_domain_of(subject) if isinstance(subject, str) else None
    names = (issuer if isinstance(issuer, str) else None, domain)
    return frozenset(name for name in names if name and "\0" not in name)


def found(names: Iterable[str], purpose: Purpose) -> dict[str, TrustedIssuer]:
    """Return those of these issuers that are enabled and trusted for this, by name.

    Their rows are read each time: one that is disabled is trusted no more.
    """
    rows = TrustedIssuer.objects.filter(issuer__in=list(names), enabled=True)
    return {row.issuer: row for row in rows if row.serves(purpose)}


def purposes() -> set[str]:
    """Return what any enabled issuer is trusted for."""
    enabled = TrustedIssuer.objects.filter(enabled=True).values_list("purposes", flat=True)
    return {purpose for each in enabled for purpose in each}


def expectations(
    issuer: TrustedIssuer,
    name: str,
    error: Callable[[str], ProtocolError],
    *,
    types: tuple[str | None, ...],
    audiences: tuple[str, ...] = (),
    required: Iterable[str] = (),
) -> Expectations:
    """Return what a JWT of an issuer has to be. RFC 7523 §3, RFC 8725 §3.

    `audiences` are the names that it may have for us; by default those of the issuer. Of several
    audiences in a JWT each has to be one of them, or another of them could use it here.
    """
    named = audiences or tuple(issuer.audiences)
    return Expectations(
        name=name,
        error=error,
        algorithms=frozenset(issuer.algorithms or policy.SIGNING_ALGORITHMS),
        types=types,
        issuer=None if issuer.is_trust_domain else issuer.issuer,
        audiences=named or (policy.ISSUER, policy.address("token_endpoint")),
        audience=Audience.ALL_OURS,
        required=frozenset({"sub", "aud", "exp", *required})
        | (frozenset() if issuer.is_trust_domain else {"iss"}),
        longest_life=timedelta(seconds=issuer.longest_life),
    )


def keys_for(issuer: TrustedIssuer, error: Callable[[str], ProtocolError]) -> Keys:
    """Return the function that finds the keys of an issuer for a JWT's header.

    It raises an `error` if there are none, TemporarilyUnavailable if fetching has to wait.
    """

    def keys(header: dict[str, Any]) -> list[dict[str, Any]]:
        usable = _usable(issuer, _keys(issuer, header.get("kid")))
        if not usable:
            raise error(f"The keys of {issuer.issuer} cannot be had just now.")
        return usable

    return keys


def fetched_anew(issuer: TrustedIssuer) -> list[dict[str, Any]]:
    """Return the keys of an issuer, fetched now.

    Raises OutboundError, and TemporarilyUnavailable if it was not tried.
    """
    if issuer.jwks is not None:
        return _usable(issuer, public_keys.usable(issuer.jwks))
    party = _party(issuer)
    if issuer.jwks_uri:
        return _usable(issuer, fetched_keys.fetched(issuer.jwks_uri, party))
    return _discovered(issuer.issuer, party)


@upholds("RFC 7523 §3")
def refuse_other_claims(
    claims: Claims,
    wanted: Mapping[str, str],
    name: str,
    error: Callable[[str], ProtocolError],
) -> None:
    """Raise an `error` unless a JWT has these claims with these values. RFC 7523 §3.

    One without them is of another tenant or workload of the same issuer. `name` is the JWT's.
    """
    for claim, value in wanted.items():
        if _text(claims.get(claim)) != value:
            raise error(f"The {claim} of the {name} is not the one that is trusted.")


def _text(value: Any) -> str | None:
    """Return a claim as an operator writes it: a text, a whole number, true or false."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, str | int) else None


def use_once(issuer: TrustedIssuer, claims: Claims) -> str | None:
    """Use up the `jti` of a JWT; return its hash, or None if it was used before."""
    jti_hash = digest(str(claims.get("iss")), claims["jti"])
    ends_at = datetime.fromtimestamp(claims["exp"], UTC) + LEEWAY
    return jti_hash if use_issuer_jwt(issuer.pk, jti_hash, ends_at) else None


def digest(*texts: str) -> str:
    """Return a hash of some texts in this order."""
    return hashlib.sha256(json.dumps(texts).encode()).hexdigest()


# --- keys -----------------------------------------------------------------------------------------


def _keys(issuer: TrustedIssuer, kid: str | None) -> list[dict[str, Any]]:
    if issuer.jwks is not None:
        return public_keys.usable(issuer.jwks)
    party = _party(issuer)
    if issuer.jwks_uri:
        return fetched_keys.keys_with(kid, issuer.jwks_uri, party)
    return fetched_keys.keys_with(kid, issuer.issuer, party, fetch=_discovered)


def _party(issuer: TrustedIssuer) -> Party:
    """Return whom its addresses are fetched for: an operator named them."""
    way = "keys" if issuer.jwks_uri else "discovery"
    return Party(f"trusted issuer {issuer.issuer} ({way})", is_vouched_for=True)


def _usable(issuer: TrustedIssuer, keys: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the keys that sign JWTs: of a bundle, those for JWT-SVIDs. SPIFFE JWT-SVID §6."""
    if not issuer.is_trust_domain:
        return keys
    signing = (key for key in keys if key.get("use") in {None, "sig", _OF_SVIDS})
    return [{name: key[name] for name in key if name != "use"} for key in signing]


def _discovered(issuer: str, party: Party) -> list[dict[str, Any]]:
    """Fetch the keys that an issuer's discovery document leads to. Raises OutboundError."""
    return fetched_keys.fetched(jwks_uri_of(issuer, party), party)


def jwks_uri_of(issuer: str, party: Party) -> str:
    """Fetch an issuer's discovery document, and return where its keys are.

    OpenID Connect's document is tried first, then that of RFC 8414. Raises OutboundError with the
    reason, TemporarilyUnavailable if it was not tried. OIDC Discovery §4, RFC 8414 §3.
    """
    try:
        body = fetching.ask(issuer.rstrip("/") + _OPENID, _CONTENT_TYPES, party).body
    except outbound.UnwantedAnswerError:
        body = fetching.ask(_oauth_address(issuer), _CONTENT_TYPES, party).body
    try:
        document = json_objects.parse(body.decode(), "The discovery document")
    except (InvalidRequest, UnicodeDecodeError) as problem:
        raise outbound.OutboundError(str(problem)) from None
    if document.get("issuer") != issuer:  # OIDC Discovery §4.3, RFC 8414 §3.3
        raise outbound.OutboundError(
            f"The discovery document is that of another issuer: {document.get('issuer')!r:.200}."
        )
    uri = document.get("jwks_uri")
    schemes = {"https", "http"} if settings.IDP_DEVELOPMENT else {"https"}
    if not isinstance(uri, str) or not addresses.is_on_the_web(uri, schemes):
        raise outbound.OutboundError("The discovery document has no usable jwks_uri.")
    return uri


def _oauth_address(issuer: str) -> str:
    """RFC 8414 §3.1: between the host and the path."""
    parts = urlsplit(issuer)
    return f"{parts.scheme}://{parts.netloc}{_OAUTH}{parts.path.rstrip('/')}"
