"""Software statements: client metadata that an approved issuer signed. RFC 7591 §2.3.

They override the client's own metadata. The rules for registrations apply all the same: a statement
permits nothing more.
"""

from collections.abc import Mapping
from datetime import datetime
from functools import partial
from typing import Any

from idp import policy
from idp.fetched_keys import keys_with
from idp.fetching import Party
from idp.jose.received_jwts import Expectations, judge
from idp.jose.verify import header_of, unverified_claims
from idp.protocol.errors import InvalidSoftwareStatement, UnapprovedSoftwareStatement
from idp.protocol.languages import tagged
from idp.protocol.rules import upholds

MEMBER = "software_statement"
#: Allowed values of a statement's `typ`: none, or one that no other kind of token has.
_TYPES = (None, "JWT")
#: Claims about the JWT (RFC 7519 §4.1), and not about a client.
_OF_THE_JWT = frozenset({"iss", "sub", "aud", "exp", "nbf", "iat", "jti", MEMBER})
#: An operator named the issuers.
_ISSUERS = Party(MEMBER, is_vouched_for=True)
_ALGORITHMS = frozenset(policy.SIGNING_ALGORITHMS)


@upholds("RFC 7592 §2.2")
def joined(
    document: Mapping[str, Any], now: datetime, accepted: str = ""
) -> tuple[dict[str, Any], str]:
    """Return a client's metadata with its statement's claims, and the statement.

    The empty text is none. The statement that was `accepted` before may have expired since: clients
    send back what they received (RFC 7592 §2.2). Raises InvalidSoftwareStatement and
    UnapprovedSoftwareStatement. RFC 7591 §3.1.1.
    """
    plain = {name: value for name, value in document.items() if name != MEMBER}
    if MEMBER not in document:
        return plain, ""
    statement = document[MEMBER]
    if not isinstance(statement, str) or header_of(statement) is None:
        raise InvalidSoftwareStatement(f"{MEMBER}: It is not a signed JWT.")
    issuer = _issuer_of(statement)
    if statement == accepted:
        claims = unverified_claims(statement)  # verified when it was accepted
    else:
        claims = _judged(statement, issuer, now)
    stated = {name: value for name, value in claims.items() if name not in _OF_THE_JWT}
    # The client can't override it in another language either.
    own = {name: value for name, value in plain.items() if tagged(name)[0] not in stated}
    return {**own, **stated}, statement


def issuer_of(statement: str) -> str:
    """Return the issuer of an accepted statement; empty for none."""
    return str(unverified_claims(statement)["iss"]) if statement else ""


@upholds("RFC 7591 §2.3")
def _issuer_of(statement: str) -> str:
    """Return the trusted issuer that a statement names, before its signature is verified."""
    issuer = unverified_claims(statement).get("iss")
    if not isinstance(issuer, str) or issuer not in policy.SOFTWARE_STATEMENT_ISSUERS:
        raise UnapprovedSoftwareStatement(
            f"{MEMBER}: Software statements of this issuer (iss) are not accepted here."
        )
    return issuer


@upholds("RFC 7591 §2.3")
def _judged(statement: str, issuer: str, now: datetime) -> dict[str, Any]:
    """Return the claims of a statement that its issuer signed for us. RFC 7591 §2.3.

    It may name no audience. One that names others only, such as an ID token, is none for us.
    """
    expected = Expectations(
        name="statement",
        error=_refusal,
        algorithms=_ALGORITHMS,
        types=_TYPES,
        issuer=issuer,
        audiences=(policy.ISSUER,),
    )
    return judge(statement, expected, partial(_keys_of, issuer), now)


def _keys_of(issuer: str, header: dict[str, Any]) -> list[dict[str, Any]]:
    keys = keys_with(header.get("kid"), policy.SOFTWARE_STATEMENT_ISSUERS[issuer], _ISSUERS)
    if not keys:
        raise _refusal("The keys of its issuer cannot be had just now.")
    return keys


def _refusal(problem: str) -> InvalidSoftwareStatement:
    return InvalidSoftwareStatement(f"{MEMBER}: {problem}")
