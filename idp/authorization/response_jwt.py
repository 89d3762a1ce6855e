"""The authorization response as a JWT: signed, and encrypted if its client wants that. JARM §2."""

from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime

from idp import keys, policy
from idp.clients.encryption import encrypted_for, key_of
from idp.models import Client
from idp.protocol.errors import InvalidClientMetadata, TemporarilyUnavailable


def make(client: Client, members: Mapping[str, str], now: datetime) -> str:
    """Return the JWT with the members of a response. JARM §2.1, §2.2.

    It has no `sub`, so that it is no ID token. Raises InvalidClientMetadata or
    TemporarilyUnavailable if there is no key to encrypt to; an error is then only signed, as it
    brings nothing secret.
    """
    claims = {
        **members,
        "iss": policy.ISSUER,
        "aud": client.client_id,
        "exp": int((now + policy.RESPONSE_JWT_LIFETIME).timestamp()),
    }
    signed = keys.active_signer(client.response_signing_alg).sign(claims)
    alg, enc = (
        client.authorization_encrypted_response_alg,
        client.authorization_encrypted_response_enc,
    )
    if not alg:
        return signed
    if "error" not in members:
        return encrypted_for(client, signed, alg=alg, enc=enc)
    with suppress(InvalidClientMetadata, TemporarilyUnavailable):
        return encrypted_for(client, signed, alg=alg, enc=enc)
    return signed


def can_be_made(client: Client) -> None:
    """Raise what `make` would for a success: before a code is issued that could never be sent."""
    alg = client.authorization_encrypted_response_alg
    if alg:
        key_of(client, alg, client.authorization_encrypted_response_enc)
