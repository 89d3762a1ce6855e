"""Software statements: what somebody whom the operator trusts says of a client. RFC 7591 §2.3.

They say what the client might have said itself, and go before it. What a registration may be is
decided by the same rules: a statement opens nothing.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from idp import policy
from idp.fetched_keys import keys_at
from idp.fetching import Party
from idp.jose.verify import header_of, unproven_claims, verified_by
from idp.protocol.errors import InvalidSoftwareStatement, UnapprovedSoftwareStatement
from idp.protocol.languages import tagged
from idp.protocol.rules import upholds

#: How much two clocks may differ, in seconds.
LEEWAY = 30
MEMBER = "software_statement"
#: What a statement's `typ` may be: none, or one that no other kind of token has.
_TYPES = (None, "JWT")
#: What a JWT says of itself (RFC 7519 §4.1), and not of a client.
_OF_THE_JWT = frozenset({"iss", "sub", "aud", "exp", "nbf", "iat", "jti", MEMBER})
#: An operator named the issuers.
_ISSUERS = Party(MEMBER, is_vouched_for=True)
_ALGORITHMS = frozenset(policy.SIGNING_ALGORITHMS)


@upholds("RFC 7592 §2.2")
def joined(
    document: Mapping[str, Any], now: datetime, accepted: str = ""
) -> tuple[dict[str, Any], str]:
    """Return a client's metadata, its statement's before its own, and the statement.

    The empty text is none. The one that was `accepted` before may have expired since: clients send
    back what they were told (RFC 7592 §2.2). Raises InvalidSoftwareStatement and
    UnapprovedSoftwareStatement. RFC 7591 §3.1.1.
    """
    plain = {name: value for name, value in document.items() if name != MEMBER}
    if MEMBER not in document:
        return plain, ""
    statement = document[MEMBER]
    if not isinstance(statement, str) or header_of(statement) is None:
        raise InvalidSoftwareStatement(f"{MEMBER}: It is not a signed JWT.")
    jwks_uri = _keys_of_issuer(statement)
    if statement == accepted:
        claims = unproven_claims(statement)  # it is what was proven then
    else:
        claims = _authentic(statement, jwks_uri)
        _is_for_us(claims)
        _is_of_now(claims, now)
    stated = {name: value for name, value in claims.items() if name not in _OF_THE_JWT}
    # Nor can the client say the same in another language.
    own = {name: value for name, value in plain.items() if tagged(name)[0] not in stated}
    return {**own, **stated}, statement


def issuer_of(statement: str) -> str:
    """Return who made a statement that was accepted; empty for none."""
    return str(unproven_claims(statement)["iss"]) if statement else ""


@upholds("RFC 7591 §2.3")
def _keys_of_issuer(statement: str) -> str:
    """Return where the keys of its issuer are. RFC 7591 §2.3: its `iss` says who that is."""
    issuer = unproven_claims(statement).get("iss")
    if not isinstance(issuer, str) or issuer not in policy.SOFTWARE_STATEMENT_ISSUERS:
        raise UnapprovedSoftwareStatement(
            f"{MEMBER}: Software statements of this issuer (iss) are not accepted here."
        )
    return policy.SOFTWARE_STATEMENT_ISSUERS[issuer]


@upholds("RFC 8725 §3.1")
def _authentic(statement: str, jwks_uri: str) -> dict[str, Any]:
    """RFC 8725 §3.1: the issuer's own key, an algorithm of ours, and no secret that we share."""
    header = header_of(statement) or {}
    if header.get("alg") not in _ALGORITHMS:
        raise InvalidSoftwareStatement(
            f"{MEMBER}: Its algorithm (alg) is none of {', '.join(policy.SIGNING_ALGORITHMS)}."
        )
    if header.get("typ") not in _TYPES:
        raise InvalidSoftwareStatement(f"{MEMBER}: It is a JWT of another type (typ).")
    keys, kid = keys_at(jwks_uri, _ISSUERS), header.get("kid")
    if not any(key.get("kid") == kid for key in keys):
        keys = keys_at(jwks_uri, _ISSUERS, unknown_kid=True)
    if not keys:
        raise InvalidSoftwareStatement(f"{MEMBER}: The keys of its issuer cannot be had just now.")
    claims = verified_by(statement, keys, _ALGORITHMS)
    if claims is None:
        raise InvalidSoftwareStatement(f"{MEMBER}: It is not signed with a key of its issuer.")
    return claims


@upholds("RFC 7519 §4.1.3")
def _is_for_us(claims: Mapping[str, Any]) -> None:
    """RFC 7519 §4.1.3: what names an audience without us, such as an ID token, is none for us."""
    audience = claims.get("aud", policy.ISSUER)
    if policy.ISSUER not in (audience if isinstance(audience, list) else [audience]):
        raise InvalidSoftwareStatement(f"{MEMBER}: Its audience (aud) is not this provider.")


@upholds("RFC 7519 §4.1.4")
def _is_of_now(claims: Mapping[str, Any], now: datetime) -> None:
    """RFC 7519 §4.1.4 to §4.1.6: the times that it has."""
    moment = now.timestamp()
    expires, begins, issued = (_time(claims, name) for name in ("exp", "nbf", "iat"))
    if expires is not None and expires <= moment - LEEWAY:
        raise InvalidSoftwareStatement(f"{MEMBER}: It has expired (exp).")
    if max(begins or 0, issued or 0) > moment + LEEWAY:
        raise InvalidSoftwareStatement(f"{MEMBER}: Its nbf or iat is in the future.")


@upholds("RFC 7519 §2")
def _time(claims: Mapping[str, Any], name: str) -> float | None:
    """Return a moment in seconds. RFC 7519 §2, NumericDate."""
    value = claims.get(name)
    if name not in claims:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > 1e11:
        raise InvalidSoftwareStatement(f"{MEMBER}: Its {name} is not a number of seconds.")
    return float(value)
