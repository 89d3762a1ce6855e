"""ID tokens: signed, returned and not stored. OIDC Core §2, §3.1.3.6."""

import hashlib
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any

from django.utils import timezone

from idp import keys, policy
from idp.claims import id_token_claims
from idp.clients import secrets
from idp.clients.encryption import encrypted_for
from idp.jose.received_jwts import Expectations, judge
from idp.jose.signatures import base64url
from idp.jose.verify import header_of, is_encrypted, octet_keys, unverified_claims
from idp.models import Client, Grant
from idp.protocol.errors import InvalidRequest, ProtocolError
from idp.protocol.rules import upholds
from idp.protocol.vocabulary import DEVICE_SSO, OFFLINE_ACCESS

_NO_SCOPES: frozenset[str] = frozenset()
#: Scopes without claims beyond the subject.
_SHOW_NOTHING = frozenset({"openid", OFFLINE_ACCESS, DEVICE_SSO})


def issue(
    client: Client,
    grant: Grant,
    subject: str,
    access_token: str | None,
    now: datetime,
    *,
    code: str | None = None,
    shown: frozenset[str] = _NO_SCOPES,
    refreshed: bool = False,
    device_secret: str | None = None,
) -> str:
    """Return an ID token about the authorization's user, whom the client knows by this subject.

    It is signed, and then encrypted, as the client registered.

    Everything in it was stamped when the user was there; only `iat` and `exp` are of now. The
    nonce is of the authorization request, so a refreshed one has none (OIDC Core §12.2). It is
    bound to the access token and code that come with it (OIDC Core §3.3.2.11), and has the claims
    that the scopes in `shown` show (OIDC Core §5.4).
    """
    signer = keys.signer_for(client, client.id_token_signed_response_alg)
    issued_at = int(now.timestamp())
    claims: dict[str, Any] = {}
    if shown - _SHOW_NOTHING or "id_token" in grant.claims:
        alone = access_token is None and code is None
        claims |= id_token_claims(grant, client.client_id, shown, alone=alone)
    claims |= {
        "iss": policy.ISSUER,
        "sub": subject,
        "aud": client.client_id,
        "exp": issued_at + int(policy.ID_TOKEN_LIFETIME.total_seconds()),
        "iat": issued_at,
        "auth_time": int(grant.auth_time.timestamp()),
        "acr": grant.acr,
    }
    if access_token is not None:
        claims["at_hash"] = signer.half_hash(access_token)
    if code is not None:
        claims["c_hash"] = signer.half_hash(code)
    if device_secret is not None:
        claims["ds_hash"] = ds_hash(device_secret)
    if grant.amr:
        claims["amr"] = grant.amr
    if grant.client_session is not None:
        claims["sid"] = grant.client_session.sid
    if grant.nonce is not None and not refreshed:
        claims["nonce"] = grant.nonce
    token, alg = signer.sign(claims), client.id_token_encrypted_response_alg
    if not alg:
        return token
    return encrypted_for(client, token, alg=alg, enc=client.id_token_encrypted_response_enc)


def ds_hash(device_secret: str) -> str:
    """Return the claim that binds an ID token to a device secret. OIDC Native SSO §3."""
    return base64url(hashlib.sha256(device_secret.encode()).digest())


@dataclass(frozen=True)
class Hint:
    """The claims of an ID token of ours that came as `id_token_hint`."""

    client_id: str
    sub: str
    sid: str | None


#: An ID token that comes back may have expired, and is for the client that it names.
_HINT = Expectations(
    name="id_token_hint",
    error=InvalidRequest,
    algorithms=frozenset(policy.ID_TOKEN_ALGORITHMS),
    types=("JWT",),
    issuer=policy.ISSUER,
    required=frozenset({"iss", "sub", "aud"}),
    times=(),
)
#: One that is exchanged, which names its session.
_SUBJECT = replace(_HINT, name="subject_token", required=frozenset({"iss", "sub", "aud", "exp"}))


def read_hint(id_token_hint: str) -> Hint | None:
    """Return the claims of an ID token of ours, expired or not; None for any other.

    An access token of the type JWT is none: it has a `jti`, which no ID token has. One of a server
    before this one counts where its key was imported. OIDC Core §3.1.2.1, OIDC RP-Initiated Logout
    §2.
    """
    now = timezone.now()
    imported = _imported_key(id_token_hint)
    if imported is not None:
        return _read_earlier_hint(id_token_hint, imported, now)
    try:
        claims = judge(id_token_hint, _HINT, partial(_hint_keys, id_token_hint, now), now)
    except InvalidRequest:
        return None
    match claims:
        case {"jti": _}:
            return None
        case {"aud": str(client_id), "sub": str(sub)}:
            return Hint(client_id, sub, claims.get("sid"))
        case _:
            return None


def _imported_key(id_token_hint: str) -> keys.ImportedKey | None:
    """Return the imported key that a hint names."""
    header = header_of(id_token_hint)
    kid = header.get("kid") if header is not None else None
    return keys.key_set().imported.get(kid) if isinstance(kid, str) else None


def _read_earlier_hint(id_token_hint: str, key: keys.ImportedKey, now: datetime) -> Hint | None:
    """Return the claims of an ID token of a server before this one; None for any other.

    Its ID tokens may have a `jti`. Access tokens of Keycloak, signed with the same key, say in a
    claim `typ` what they are.
    """
    expected = replace(_HINT, issuer=key.issuer, algorithms=frozenset({key.jwk["alg"]}))
    try:
        claims = judge(id_token_hint, expected, lambda _header: [key.jwk], now)
    except InvalidRequest:
        return None
    match claims:
        case {"aud": str(client_id), "sub": str(sub)} if claims.get("typ", "ID") == "ID":
            sid = claims.get("sid")
            return Hint(client_id, sub, sid if isinstance(sid, str) else None)
        case _:
            return None


@dataclass(frozen=True)
class SubjectToken:
    """The claims of an ID token of ours that came as `subject_token`."""

    client_id: str
    sid: str
    ds_hash: str
    #: Seconds since 1970.
    expires: float


@upholds("RFC 8693 §2.1")
def read_subject(
    id_token: str, now: datetime, error: type[ProtocolError], *, expired: bool = False
) -> SubjectToken:
    """Return the claims of an ID token of ours, or raise `error`. RFC 8693 §2.1.

    One that has expired is read only if `expired`. One without a `sid` is of no session, and so
    nothing would end what is exchanged for it.
    """
    if is_encrypted(id_token):
        raise error("The subject_token is encrypted; decrypt it, and send the ID token inside.")
    expected = replace(_SUBJECT, error=error, times=() if expired else ("exp", "iat"))
    claims = judge(id_token, expected, partial(_hint_keys, id_token, now), now)
    match claims:
        case {"jti": _}:
            raise error("The subject_token is an access token, and no ID token.")
        case {"aud": str(client_id), "sid": str(sid), "exp": int(expires)}:
            return SubjectToken(client_id, sid, str(claims.get("ds_hash", "")), expires)
        case _:
            raise error("The subject_token is an ID token of no session (sid).")


@upholds("OIDC Core §3.1.2.1")
def hint_is_readable(id_token_hint: str) -> None:
    """OIDC Core §3.1.2.1: an ID token that was encrypted to its client comes back decrypted."""
    if is_encrypted(id_token_hint):
        raise InvalidRequest(
            "The id_token_hint is encrypted; decrypt it, and send the signed ID token inside."
        )


def _hint_keys(id_token_hint: str, now: datetime, header: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the key of ours that the hint names, or the secret of the client that it is for."""
    if header["alg"] not in policy.MAC_ALGORITHMS:
        key = keys.key_set().public.get(header.get("kid", ""))
        return [] if key is None else [key]
    audience = unverified_claims(id_token_hint).get("aud")
    if not isinstance(audience, str) or "\0" in audience:
        return []
    client: Client | None = Client.objects.filter(client_id=audience).first()
    if client is None or client.id_token_signed_response_alg != header["alg"]:
        return []
    return octet_keys(secrets.hmac_keys(client, now))
