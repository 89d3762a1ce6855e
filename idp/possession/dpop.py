"""DPoP proofs: a JWT by which a client proves, in each request, that it has a key. RFC 9449 §4.

A proof is judged first and used up afterwards, once what it is for has turned out to be valid: so
a client without credentials here cannot fill the store of used proofs.
"""

import hashlib
import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, Final
from urllib.parse import urlsplit

from django.conf import settings
from django.core.cache import cache
from jwcrypto.jwk import JWK

from idp import policy
from idp.jose import public_keys
from idp.jose.received_jwts import LEEWAY, Claims, Expectations, judge
from idp.jose.signatures import base64url
from idp.possession import nonces
from idp.possession.presenter import Proof
from idp.protocol.errors import InvalidDpopProof, UseDpopNonce
from idp.protocol.rules import upholds
from idp.statements.assertions import use_assertion

#: How long after its `iat` a proof may come (RFC 9449 §11.1), besides the leeway of clocks.
LIFETIME: Final = timedelta(seconds=60)
#: Characters of a proof: one with the longest RSA key is shorter.
LONGEST: Final = 6 * 1024
_LONGEST_JTI: Final = 256
_EXPECTED: Final = Expectations(
    name="DPoP proof",
    error=InvalidDpopProof,
    algorithms=frozenset(policy.DPOP_ALGORITHMS),
    types=("dpop+jwt",),
    issuer=None,
    required=frozenset({"jti", "htm", "htu", "iat"}),
    longest_age=LIFETIME,
)
#: The members of a key that its thumbprint is made of (RFC 7638 §3.2).
_OF_THE_KEY: Final = ("kty", "crv", "x", "y", "n", "e")
_PORTS: Final = {"http": 80, "https": 443}
_ESCAPED: Final = re.compile("%([0-9A-Fa-f]{2})")
_UNRESERVED: Final = re.compile("[A-Za-z0-9._~-]")


def proof_of(
    header: str, method: str, addresses: tuple[str, ...], now: datetime, token: str | None
) -> Proof:
    """Return the proof that a DPoP header is, judged for a request. RFC 9449 §4.3.

    `addresses` are the names that the address of the request has, without its query. `token` is the
    access token that it presents, if it does. Raises InvalidDpopProof, and UseDpopNonce.
    """
    _is_one(header)
    found: list[dict[str, Any]] = []

    def keys(jwt_header: dict[str, Any]) -> list[dict[str, Any]]:
        found.append(_key(jwt_header))
        return found

    claims = judge(header, _EXPECTED, keys, now)
    _is_for_this_request(claims, method, addresses)
    if token is not None:
        _is_for_this_token(claims, token)
    if policy.DPOP_NONCES:
        _nonce_is_ours(claims, now)
    return _proof(found[0], claims)


def use_up(client_id: int, proof: Proof) -> None:
    """Use a proof up, for all processes at once, or raise InvalidDpopProof. RFC 9449 §11.1.

    `client_id` is the primary key of the client that sent it. In Redis this is no statement of the
    database; otherwise it is one, and the uses are beside those of client assertions.
    """
    if settings.CACHES["default"]["BACKEND"].endswith("RedisCache"):
        lasts = (LIFETIME + 2 * LEEWAY).total_seconds()
        is_first = cache.add(f"dpop:{proof.jti_hash}", 1, lasts)
    else:
        is_first = use_assertion(client_id, proof.jti_hash, proof.ends_at)
    _is_used_once(is_first=is_first)


@upholds("RFC 9449 §11.1")
def _is_used_once(*, is_first: bool) -> None:
    """RFC 9449 §11.1: a proof that was seen on its way can't be replayed."""
    if not is_first:
        raise InvalidDpopProof("The DPoP proof was used before: its jti works once.")


@upholds("RFC 9449 §4.3")
def _is_one(header: str) -> None:
    """RFC 9449 §4.3: there is one DPoP header, which is one JWT of sound size.

    Servers join several headers of a name with commas (RFC 9110 §5.3).
    """
    if "," in header:
        raise InvalidDpopProof("The request has more than one DPoP proof; send one.")
    if len(header) > LONGEST:
        raise InvalidDpopProof(f"The DPoP proof is longer than {LONGEST} characters.")


@upholds("RFC 9449 §4.3")
def _key(jwt_header: dict[str, Any]) -> dict[str, Any]:
    """RFC 9449 §4.2, §4.3: the proof brings its key, the public part alone."""
    key = jwt_header.get("jwk")
    if not isinstance(key, dict):
        raise InvalidDpopProof("The DPoP proof has no public key (jwk) in its header.")
    if not public_keys.PRIVATE.isdisjoint(key):
        raise InvalidDpopProof(
            "The DPoP proof has a private or shared key in its header; this key is known now, use "
            "another one."
        )
    kept = {name: key[name] for name in _OF_THE_KEY if name in key}
    if not all(isinstance(value, str) for value in kept.values()) or not _thumbprint(**kept):
        raise InvalidDpopProof("The key of the DPoP proof (jwk) cannot be used.")
    return kept


@lru_cache(maxsize=1024)
def _thumbprint(**key: str) -> str:
    """Return the thumbprint of a public key (RFC 7638 §3); empty for one that cannot be used.

    A client has the same key for long, and to read one costs as much as to verify with it.
    """
    return "" if public_keys.problem_with(key) else JWK(**key).thumbprint()


@upholds("RFC 9449 §4.3")
def _is_for_this_request(claims: Claims, method: str, addresses: tuple[str, ...]) -> None:
    """RFC 9449 §4.3: a proof is good for one method and address; query and fragment don't count."""
    if claims["htm"] != method:
        raise InvalidDpopProof(f"The htm of the DPoP proof has to be {method}.")
    htu = claims["htu"]
    named = normalized(htu) if isinstance(htu, str) else None
    if named is None or named not in {normalized(address) for address in addresses}:
        raise InvalidDpopProof(f"The htu of the DPoP proof has to be {addresses[0]}.")


@upholds("RFC 9449 §4.3")
def _is_for_this_token(claims: Claims, token: str) -> None:
    """RFC 9449 §4.2, §4.3: with an access token, a proof is good for that alone (ath)."""
    ath = base64url(hashlib.sha256(token.encode()).digest())
    came = claims.get("ath")
    if came != ath:
        raise InvalidDpopProof(
            "The ath of the DPoP proof has to be the SHA-256 of the access token, in base64url."
        )


@upholds("RFC 9449 §8")
def _nonce_is_ours(claims: Claims, now: datetime) -> None:
    """RFC 9449 §8, §9: a proof has a nonce of ours, which shows that it is not an old one."""
    nonce = claims.get("nonce")
    if not isinstance(nonce, str) or not nonces.is_valid(nonce, now):
        raise UseDpopNonce(
            "The DPoP proof has to have the nonce that the DPoP-Nonce header of this response has."
        )


def _proof(key: dict[str, Any], claims: Claims) -> Proof:
    jti, jkt = claims["jti"], _thumbprint(**key)
    if len(jti) > _LONGEST_JTI:
        raise InvalidDpopProof(
            f"The jti of the DPoP proof is longer than {_LONGEST_JTI} characters."
        )
    name = f"DPoP proof {jkt} {jti}".encode("utf-8", "surrogatepass")
    ends_at = datetime.fromtimestamp(claims["iat"], UTC) + LIFETIME + LEEWAY
    return Proof(jkt, hashlib.sha256(name).hexdigest(), ends_at)


def normalized(address: str) -> str | None:
    """Return an address without query and fragment, in one spelling; None if it is none.

    RFC 9449 §4.3; RFC 3986 §6.2.2 and §6.2.3: the case of scheme and host, the scheme's own port,
    needless escapes, and an empty path make no difference.
    """
    try:
        parts = urlsplit(address)
        scheme, host, port = parts.scheme.lower(), parts.hostname, parts.port
    except ValueError:
        return None
    if scheme not in _PORTS or not host or "@" in parts.netloc:
        return None
    at = f":{port}" if port not in {None, _PORTS[scheme]} else ""
    return f"{scheme}://{host}{at}{_ESCAPED.sub(_unescaped, parts.path) or '/'}"


def _unescaped(escape: re.Match[str]) -> str:
    character = chr(int(escape[1], 16))
    return character if _UNRESERVED.fullmatch(character) else escape[0].upper()
