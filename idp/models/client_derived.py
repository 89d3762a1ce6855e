"""Values derived from a client's columns: sector, origins, lookalike names.

`Client.save` stores them in columns and rows of their own, for statements that find clients by
them.
"""

import hashlib
import json
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from foundation.lookalikes import skeleton
from idp import policy
from idp.jose.signatures import ALGORITHMS
from idp.protocol import redirect_uris
from idp.protocol.languages import tagged
from idp.protocol.vocabulary import CIBA

if TYPE_CHECKING:
    from idp.models.client import Client

LONGEST_ORIGIN = 300
LONGEST_SKELETON = 255
_LONGEST_SECTOR = 255
_MACS = {name: ALGORITHMS[name].octets for name in policy.MAC_ALGORITHMS}
#: Algorithms that take the client's secret for a key, and how many octets each needs, by column. A
#: MAC needs as many as its hash has; encryption hashes the secret first (OIDC Core §10.1, §10.2).
_KEYED_BY_SECRET: tuple[tuple[str, dict[str, int]], ...] = (
    ("id_token_signed_response_alg", _MACS),
    ("userinfo_signed_response_alg", _MACS),
    ("id_token_encrypted_response_alg", dict.fromkeys(policy.SECRET_ENCRYPTION, 1)),
    ("userinfo_encrypted_response_alg", dict.fromkeys(policy.SECRET_ENCRYPTION, 1)),
    ("authorization_encrypted_response_alg", dict.fromkeys(policy.SECRET_ENCRYPTION, 1)),
    ("token_endpoint_auth_method", {"client_secret_jwt": 32}),
    ("token_endpoint_auth_signing_alg", _MACS),
    ("request_object_signing_alg", _MACS),
)


def secret_octets(client: "Client") -> dict[str, int]:
    """Return the columns whose values use the secret as a key, and the octets each needs."""
    return {
        column: octets[getattr(client, column)]
        for column, octets in _KEYED_BY_SECRET
        if getattr(client, column) in octets
    }


def sector_of(client: "Client") -> str | None:
    """Return the sector, None if it requires a sector_identifier_uri. OIDC Core §8.1."""
    uri = client.sector_identifier_uri
    own = [uri] if uri else client.redirect_uris or backchannel_addresses(client)
    try:
        hosts = {(urlsplit(address).hostname or "").lower() for address in own}
    except ValueError:  # No address at all: `clients.validation` reports it.
        return None
    host = hosts.pop() if len(hosts) == 1 else ""
    return host if 0 < len(host) <= _LONGEST_SECTOR else None


def backchannel_addresses(client: "Client") -> list[str]:
    """Return the address that proves the sector of a client without redirect URIs. OIDC CIBA §4.

    With ping it is the one that is told of answers. With poll it is that of the public keys, which
    the client has to sign with.
    """
    if CIBA not in client.grant_types or client.redirect_uris:
        return []
    if client.backchannel_token_delivery_mode == "ping":
        return [client.backchannel_client_notification_endpoint]
    signs = (
        client.token_endpoint_auth_method == "private_key_jwt"
        or client.backchannel_authentication_request_signing_alg
    )
    return [client.jwks_uri] if signs and client.jwks_uri else []


def display_fingerprint_of(client: "Client") -> str:
    """Return a hash of name, logo and redirect hosts: what a consent was given for."""
    if not client.is_self_registered:
        return ""
    shown = {
        name: text
        for name, text in client.localized.items()
        if tagged(name)[0] in {"client_name", "logo_uri"}
    }
    hosts = set(map(_host_or_scheme, client.redirect_uris))
    shown |= {"client_name": client.name, "logo_uri": client.logo_uri, "hosts": sorted(hosts)}
    return hashlib.sha256(json.dumps(shown, sort_keys=True).encode()).hexdigest()


def _host_or_scheme(uri: str) -> str:
    """Return where users are sent: a host, or an app's own scheme, whatever follows it."""
    origin = redirect_uris.origin_of(uri)
    return urlsplit(uri).netloc if "//" in origin else origin


def origins_of(client: "Client") -> set[str]:
    """Return the web origins from which browsers may call us for a client."""
    origins = set(client.allowed_origins)
    if client.is_public:
        origins |= {redirect_uris.origin_of(uri) for uri in client.redirect_uris}
    return {origin for origin in origins if origin.startswith(("https://", "http://"))}


def skeletons_of(client: "Client") -> set[str]:
    """Return how the names of an operator's client look, in all languages. UTS #39 §4."""
    if client.is_self_registered:
        return set()
    localized = (
        text for name, text in client.localized.items() if tagged(name)[0] == "client_name"
    )
    return {skeleton(name)[:LONGEST_SKELETON] for name in (client.name, *localized)} - {""}
