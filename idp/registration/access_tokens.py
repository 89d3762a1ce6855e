"""Registration access tokens: what a client manages its registration with. RFC 7592 §3, §5.

If they rotate, the next one is derived from the one in use, so that concurrent uses get the same
token, and a use whose response was lost can be repeated. The previous one expires at the first use
of the next.
"""

import hmac

from foundation import server_keys
from foundation.statements import hash_of
from idp import policy
from idp.models import Client

_PURPOSE = "next registration access token"


def is_for(client: Client, token: str) -> bool:
    """Whether a token manages this client: its present one, or the one before while that lasts."""
    hashed = hash_of(token)
    present = hmac.compare_digest(hashed, client.registration_access_token_hash)
    before = hmac.compare_digest(hashed, client.previous_registration_access_token_hash)
    return present or before


def may_stay(client: Client) -> bool:
    """Whether a use keeps the token: tokens don't rotate and it does not expire soon."""
    rotated = client.previous_registration_access_token_hash
    return not (policy.REGISTRATION_TOKENS_ROTATE or rotated)


def renew(client: Client, token: str) -> str:
    """Return the client's next token after using this one.

    The client's row has to be locked.
    """
    present, hashed = client.registration_access_token_hash, hash_of(token)
    following = server_keys.keyed_hashes(token, _PURPOSE)
    if hashed != present:
        # Used again. Of another key of ours if the newest has changed since.
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
