"""Verify JWTs from others: their type, signature, issuer, audience and times. RFC 7519 §4.1.

Each kind has one statement of expectations; a JWT that differs is refused with that kind's error,
so that a JWT signed for one purpose does not serve another (RFC 8725 §3.11, §3.12). Replay (jti) is
checked by the calling module.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import Any

from idp.jose.verify import header_of, verified_by
from idp.protocol.errors import ProtocolError

#: How much two clocks may differ.
LEEWAY = timedelta(seconds=30)
Claims = dict[str, Any]
#: Returns the JWKs that may have signed a JWT with this header.
Keys = Callable[[dict[str, Any]], list[dict[str, Any]]]


class Audience(Enum):
    """How the `aud` has to name us."""

    ALONE = "one text, which is us"
    ALL_OURS = "each of them is us"
    AMONG_OTHERS = "one of them is us"


@dataclass(frozen=True)
class Expectations:
    """The expected properties of one kind of JWT."""

    #: Its name in error descriptions.
    name: str
    error: Callable[[str], ProtocolError]
    algorithms: frozenset[str]
    #: Allowed values of its `typ`; None if it may have none.
    types: tuple[str | None, ...]
    #: None where its key says who issued it: a SPIFFE JWT-SVID has no `iss`.
    issuer: str | None
    #: The names that we have in an `aud`, the best first; none where any audience will do.
    audiences: tuple[str, ...] = ()
    audience: Audience = Audience.AMONG_OTHERS
    subject: str | None = None
    #: Claims that it has to have. Others may be absent, but not wrong.
    required: frozenset[str] = frozenset()
    #: Which of exp, nbf and iat are judged.
    times: tuple[str, ...] = ("exp", "nbf", "iat")
    #: How far in the future its exp may be.
    longest_life: timedelta | None = None
    #: How far in the past its iat may be.
    longest_age: timedelta | None = None


def judge(jwt: str, expected: Expectations, keys: Keys, now: datetime) -> Claims:
    """Return the claims of a JWT that is as expected. Raises its kind's error."""
    claims = authentic(jwt, expected, keys)
    judge_claims(claims, expected, now)
    return claims


def authentic(jwt: str, expected: Expectations, keys: Keys) -> Claims:
    """Return the claims of a JWT of this kind that one of the keys has signed. RFC 8725 §3.1.

    Its times, issuer and audience are not judged yet. Raises its kind's error.
    """
    header = header_of(jwt)
    if header is None:
        raise expected.error(f"The {expected.name} is not a signed JWT.")
    if header["alg"] not in expected.algorithms:
        raise expected.error(
            f"The {expected.name} is signed with {header['alg']}; it has to be "
            f"{' or '.join(sorted(expected.algorithms))}."
        )
    if header.get("typ") not in expected.types:
        raise expected.error(f"The {expected.name} is a JWT of another type (typ).")
    if not isinstance(header.get("kid"), str | None):
        raise expected.error(f"The kid of the {expected.name} is not a text.")
    claims = verified_by(jwt, keys(header), expected.algorithms)
    if claims is None:
        raise expected.error(f"The {expected.name} is not signed with a key of its issuer.")
    return claims


def judge_claims(claims: Claims, expected: Expectations, now: datetime) -> None:
    """Raise the kind's error where the claims of an authentic JWT are not as expected.

    A claim that is null counts as absent.
    """
    for name in sorted(expected.required):
        if claims.get(name) in (None, ""):
            raise expected.error(f"The {expected.name} has no {name}.")
    for name, wanted in (("iss", expected.issuer), ("sub", expected.subject)):
        if wanted is not None and claims.get(name) not in (None, wanted):
            raise expected.error(f"The {name} of the {expected.name} has to be {wanted}.")
    if "jti" in expected.required and not isinstance(claims["jti"], str):
        raise expected.error(f"The jti of the {expected.name} is not a text.")
    _is_for_us(claims.get("aud"), expected)
    _is_of_now(claims, expected, now)


def _is_for_us(audience: Any, expected: Expectations) -> None:
    """RFC 7519 §4.1.3: a JWT that is meant for others is refused."""
    if audience is None or not expected.audiences:
        return
    named = audience if isinstance(audience, list) else [audience]
    ours = [name for name in named if name in expected.audiences]
    fits = {
        Audience.ALONE: audience in expected.audiences,
        Audience.ALL_OURS: bool(ours) and ours == named,
        Audience.AMONG_OTHERS: bool(ours),
    }
    if not fits[expected.audience]:
        raise expected.error(
            f"The aud of the {expected.name} has to be {expected.audiences[0]}"
            f"{'' if expected.audience is Audience.AMONG_OTHERS else ' alone'}."
        )


def _is_of_now(claims: Claims, expected: Expectations, now: datetime) -> None:
    """RFC 7519 §4.1.4 to §4.1.6: a JWT has a time, and that is now."""
    seconds = {name: _seconds(claims, name, expected) for name in expected.times}
    moment, leeway = now.timestamp(), LEEWAY.total_seconds()
    expires = seconds.pop("exp", None)
    if expires is not None and expires <= moment - leeway:
        raise expected.error(f"The {expected.name} has expired (exp).")
    longest = expected.longest_life
    if expires is not None and longest and expires > moment + longest.total_seconds() + leeway:
        raise expected.error(
            f"The exp of the {expected.name} is too far ahead; it may be "
            f"{longest.total_seconds():.0f} seconds."
        )
    issued, oldest = seconds.get("iat"), expected.longest_age
    if issued is not None and oldest and issued < moment - oldest.total_seconds() - leeway:
        raise expected.error(
            f"The iat of the {expected.name} is too long ago; it may be "
            f"{oldest.total_seconds():.0f} seconds."
        )
    for name, begins in seconds.items():
        if begins is not None and begins > moment + leeway:
            raise expected.error(f"The {name} of the {expected.name} is in the future.")


def _seconds(claims: Claims, name: str, expected: Expectations) -> float | None:
    """Return a time in seconds since 1970; None where there is none. RFC 7519 §2, NumericDate."""
    value = claims.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > 1e11:
        raise expected.error(f"The {name} of the {expected.name} is not a number of seconds.")
    return float(value)
