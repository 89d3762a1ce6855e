"""Encrypting responses to a client, to its public key or with its secret. OIDC Core §10.2."""

from typing import Any

from django.utils import timezone
from jwcrypto.jwk import JWK

from idp import policy
from idp.clients import secrets
from idp.clients.client_keys import public_keys
from idp.jose.decrypt import decrypted
from idp.jose.encrypt import encrypted, key_of_secret, public_key_for
from idp.jose.signatures import base64url
from idp.models import Client
from idp.protocol.errors import InvalidClientMetadata
from idp.protocol.rules import upholds


@upholds("OIDC Core §10.2")
def encrypted_for(client: Client, text: str, *, alg: str, enc: str, signed: bool = True) -> str:
    """Return a signed JWT, or unsigned claims, encrypted to this client.

    Raises InvalidClientMetadata where the client has no key that can be used, and
    TemporarilyUnavailable where it can't be fetched. OIDC Core §10.2.
    """
    key = key_of(client, alg, enc)
    return encrypted(text, alg=alg, enc=enc, key=key, cty="JWT" if signed else None)


@upholds("OIDC Core §10.2")
def key_of(client: Client, alg: str, enc: str) -> dict[str, Any] | bytes:
    """Return the client's key that its answers are encrypted to. OIDC Core §10.2.

    Raises InvalidClientMetadata where it has none that can be used, and TemporarilyUnavailable
    where it can't be fetched.
    """
    key = (
        _secret_key(client, alg, enc)
        if alg in policy.SECRET_ENCRYPTION
        else public_key_for(public_keys(client), alg)
    )
    if key is None:
        raise InvalidClientMetadata(
            f"The client wants its answers encrypted by {alg}, but has no key for that."
        )
    return key


def have_key_ready(client: Client, alg: str) -> None:
    """Fetch the key of the client's that is encrypted to with an algorithm, if it is needed.

    Call it before the transaction that issues something, so that no transaction waits for a
    client's server. Raises TemporarilyUnavailable if nothing can be fetched now.
    """
    if alg in policy.PUBLIC_KEY_ENCRYPTION:
        public_keys(client)


def decrypted_for(client: Client, jwe: str, *, alg: str, enc: str) -> str | None:
    """Decrypt with the client's secret; its private key is unknown here."""
    key = _secret_key(client, alg, enc) if alg in policy.SECRET_ENCRYPTION else None
    if key is None:
        return None
    return decrypted(jwe, {"": JWK(kty="oct", k=base64url(key))}, alg=alg, encs=(enc,))


def _secret_key(client: Client, alg: str, enc: str) -> bytes | None:
    kept = secrets.hmac_keys(client, timezone.now())
    return key_of_secret(kept[0], alg=alg, enc=enc) if kept else None
