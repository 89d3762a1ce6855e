"""Registration access tokens: what a client manages its registration with. RFC 7592 §3, §5.

Where they rotate, the next one is made of the one that is used, so that everybody who uses it gets
the same: of two uses at once neither ends the other's, and a use whose answer was lost is repeated.
The one before ends when the next is used for the first time.
"""

import hmac

from idp import policy, server_keys
from idp.models import Client
from idp.statements.tokens import hash_of

_PURPOSE = "next registration access token"


def is_for(client: Client, token: str) -> bool:
    """Whether a token manages this client: its present one, or the one before while that lasts."""
    hashed = hash_of(token)
    present = hmac.compare_digest(hashed, client.registration_access_token_hash)
    before = hmac.compare_digest(hashed, client.previous_registration_access_token_hash)
    return present or before


def may_stay(client: Client) -> bool:
    """Whether a use changes nothing, because tokens don't rotate and none is about to end."""
    rotated = client.previous_registration_access_token_hash
    return not (policy.REGISTRATION_TOKENS_ROTATE or rotated)


def renew(client: Client, token: str) -> str:
    """Return the token that a client goes on with after using this one, which is its own.

    The caller holds the client's row.
    """
    present, hashed = client.registration_access_token_hash, hash_of(token)
    following = server_keys.keyed_hashes(token, _PURPOSE)
    if hashed != present:
        # Used again. Of another key of ours where the newest has changed meanwhile.
        known = (value for value in following if hash_of(value) == present)
        return _keep(client, next(known, following[0]), before=hashed)
    if policy.REGISTRATION_TOKENS_ROTATE:
        return _keep(client, following[0], before=hashed)
    return _keep(client, token, before="")


def _keep(client: Client, token: str, before: str) -> str:
    client.registration_access_token_hash = hash_of(token)
    client.previous_registration_access_token_hash = before
    Client.objects.filter(pk=client.pk).update(
        registration_access_token_hash=client.registration_access_token_hash,
        previous_registration_access_token_hash=before,
    )
    return token
