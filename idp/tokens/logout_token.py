"""Logout tokens, which notify a client that a session ended. OIDC Back-Channel Logout §2.4."""

from datetime import datetime, timedelta

from idp import keys, policy
from idp.clients.encryption import encrypted_for
from idp.models import Client

#: The member of the `events` claim; its value is an empty object.
EVENT = "http://schemas.openid.net/event/backchannel-logout"
_LIFETIME = timedelta(minutes=2)


def issue(client: Client, *, sub: str, sid: str, jti: str, now: datetime) -> str:
    """Return a logout token, signed and encrypted as the client's ID tokens are.

    It has no nonce and a type of its own, so that it never passes for an ID token. Raises
    InvalidClientMetadata where the client's keys can't be had.
    """
    claims = {
        "iss": policy.ISSUER,
        "sub": sub,
        "aud": client.client_id,
        "iat": int(now.timestamp()),
        "exp": int((now + _LIFETIME).timestamp()),
        "jti": jti,
        "events": {EVENT: {}},
        "sid": sid,
    }
    signer = keys.signer_for(client, client.id_token_signed_response_alg)
    token, alg = signer.sign(claims, typ="logout+jwt"), client.id_token_encrypted_response_alg
    if not alg:
        return token
    return encrypted_for(client, token, alg=alg, enc=client.id_token_encrypted_response_enc)
