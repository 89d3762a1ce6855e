"""ID tokens: signed, handed over and forgotten. OIDC Core §2, §3.1.3.6."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from idp import keys, policy
from idp.claims import id_token_claims
from idp.jose.verify import verified_claims
from idp.models import Authorization, Client


def issue(
    client: Client,
    authorization: Authorization,
    access_token: str,
    now: datetime,
    *,
    refreshed: bool = False,
) -> str:
    """Return an ID token about the authorization's person, signed as the client registered.

    Everything in it was stamped when the person was there; only `iat` and `exp` are of now. The
    nonce is of the authorization request, so a refreshed one has none (OIDC Core §12.2).
    """
    signer = keys.active_signer(client.id_token_signed_response_alg)
    issued_at = int(now.timestamp())
    claims: dict[str, Any] = {
        **id_token_claims(authorization, authorization.user, with_scopes=False),
        "iss": policy.ISSUER,
        "sub": str(authorization.user.sub),
        "aud": client.client_id,
        "exp": issued_at + int(policy.ID_TOKEN_LIFETIME.total_seconds()),
        "iat": issued_at,
        "auth_time": int(authorization.auth_time.timestamp()),
        "acr": authorization.acr,
        "at_hash": signer.half_hash(access_token),
    }
    if authorization.amr:
        claims["amr"] = authorization.amr
    if authorization.client_session is not None:
        claims["sid"] = authorization.client_session.sid
    if authorization.nonce is not None and not refreshed:
        claims["nonce"] = authorization.nonce
    return signer.sign(claims)


@dataclass(frozen=True)
class Hint:
    """What an ID token of ours says that came back as `id_token_hint`."""

    client_id: str
    sub: str
    sid: str | None


def read_hint(id_token_hint: str) -> Hint | None:
    """Return what an ID token of ours says, expired or not; None for any other.

    OIDC Core §3.1.2.1, OIDC RP-Initiated Logout §2.
    """
    claims = verified_claims(id_token_hint, keys.key_set().public)
    if claims is None or claims.get("iss") != policy.ISSUER:
        return None
    match claims:
        case {"aud": str(client_id), "sub": str(sub)}:
            return Hint(client_id, sub, claims.get("sid"))
        case _:
            return None
