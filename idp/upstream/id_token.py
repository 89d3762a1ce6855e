"""Judge the ID token of an upstream, wholly. OIDC Core §3.1.3.7."""

import hashlib
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from accounts.upstream.model import Upstream
from accounts.upstream.refusals import UnreachableError, UpstreamRefusedError
from idp import fetched_keys, policy
from idp.jose import received_jwts
from idp.jose.received_jwts import LEEWAY, Audience, Expectations, Keys
from idp.jose.signatures import ALGORITHMS, base64url
from idp.jose.verify import header_of
from idp.protocol.errors import InvalidRequest, ProtocolError, TemporarilyUnavailable
from idp.protocol.rules import upholds
from idp.upstream.discovery import Discovered, party_of

Claims = dict[str, Any]
_NAME = "ID token"


@upholds("OIDC Core §3.1.3.7")
def judged(
    upstream: Upstream, found: Discovered, tokens: Mapping[str, Any], nonce: str, now: datetime
) -> Claims:
    """Return the claims of the ID token in a token response. Raises UpstreamRefusedError.

    It is signed with a published key of the issuer, which a shared secret is not; for us alone; of
    now; and has the nonce of this sign-in.
    """
    jwt = tokens.get("id_token")
    if not isinstance(jwt, str):
        raise UpstreamRefusedError("The token response has no ID token.")
    expected = Expectations(
        name=_NAME,
        error=InvalidRequest,
        algorithms=frozenset(policy.SIGNING_ALGORITHMS),
        types=(None, "JWT", "jwt"),
        issuer=found.issuer,
        audiences=(upstream.client_id,),
        audience=Audience.ALL_OURS,
        required=frozenset({"iss", "sub", "aud", "exp", "iat", "nonce"}),
    )

    try:
        claims = received_jwts.judge(jwt, expected, keys_of(upstream, found), now)
    except TemporarilyUnavailable as problem:
        raise UnreachableError(problem.description) from None
    except ProtocolError as problem:
        raise UpstreamRefusedError(problem.description) from None
    _belongs_to_sign_in(claims, upstream, nonce)
    _fits_access_token(jwt, claims, tokens.get("access_token"))
    return claims


def keys_of(upstream: Upstream, found: Discovered) -> Keys:
    """Return what finds the published keys of an upstream; that raises UnreachableError."""

    def keys(header: dict[str, Any]) -> list[dict[str, Any]]:
        party = party_of(upstream, "keys")
        usable = fetched_keys.keys_with(header.get("kid"), found.jwks_uri, party)
        if not usable:
            raise UnreachableError(f"The keys of {found.issuer} cannot be had just now.")
        return usable

    return keys


def _belongs_to_sign_in(claims: Claims, upstream: Upstream, nonce: str) -> None:
    said = claims["nonce"]
    if not isinstance(said, str) or not secrets.compare_digest(said.encode(), nonce.encode()):
        raise UpstreamRefusedError("The nonce of the ID token is that of another sign-in.")
    if claims.get("azp") not in (None, upstream.client_id):
        raise UpstreamRefusedError("The ID token was issued to another client (azp).")
    if not isinstance(claims["sub"], str):
        raise UpstreamRefusedError("The sub of the ID token is not a text.")


def _fits_access_token(jwt: str, claims: Claims, access_token: Any) -> None:
    """OIDC Core §3.1.3.8: an ID token with an at_hash belongs to one access token."""
    at_hash = claims.get("at_hash")
    header = header_of(jwt)
    if at_hash is None or header is None:
        return
    if isinstance(access_token, str) and access_token.isascii():
        digest = hashlib.new(ALGORITHMS[header["alg"]].hash_name, access_token.encode()).digest()
        if at_hash == base64url(digest[: len(digest) // 2]):
            return
    raise UpstreamRefusedError("The at_hash of the ID token is that of another access token.")


@upholds("OIDC Core §3.1.2.1")
def authenticated_at(
    claims: Claims, max_age: int | None, began: datetime, now: datetime
) -> datetime | None:
    """Return when the user authenticated at the upstream, if it says so.

    Raises UpstreamRefusedError where that was to be at most `max_age` seconds before this sign-in
    `began`, and was not, or it does not say: it has to (OIDC Core §2, auth_time).
    """
    said = claims.get("auth_time")
    is_number = isinstance(said, int | float) and not isinstance(said, bool)
    at = None
    if is_number and 0 < said <= (now + LEEWAY).timestamp():  # type: ignore[operator]
        at = datetime.fromtimestamp(said, UTC)  # type: ignore[arg-type]
    if max_age is None:
        return at
    earliest = datetime.fromtimestamp(max(0, began.timestamp() - max_age), UTC)
    if at is None or at < earliest - LEEWAY:
        raise UpstreamRefusedError("The upstream did not let the user authenticate again.")
    # Its clock may be behind, and counts whole seconds: what is new enough is so for the app, too.
    return max(at, earliest)
