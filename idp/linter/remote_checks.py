"""Remote metadata checks: whether documents and keys of a client can be fetched and used.

They fetch from the client's addresses, which takes seconds.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

from idp import outbound, policy
from idp.clients.validation.remote import fetch_sector_document
from idp.fetched_keys import fetched
from idp.fetching import party_of
from idp.jose.encrypt import public_key_for
from idp.jose.signatures import ALGORITHMS
from idp.models import Client
from idp.protocol.errors import TemporarilyUnavailable


@dataclass(frozen=True)
class RemoteCheck:
    """An address of a client that was asked, and the problems there, if any."""

    member: str
    address: str
    problems: tuple[str, ...]


def has_addresses(client: Client) -> bool:
    """Whether there is anything to fetch."""
    return bool(client.jwks_uri or client.sector_identifier_uri)


def run(client: Client) -> list[RemoteCheck]:
    """Fetch what is at a client's addresses, bypassing the cache."""
    found = []
    if client.jwks_uri:
        found.append(RemoteCheck("jwks_uri", client.jwks_uri, _at_jwks_uri(client)))
    if client.sector_identifier_uri:
        found.append(
            RemoteCheck("sector_identifier_uri", client.sector_identifier_uri, _at_sector(client))
        )
    return found


def _at_jwks_uri(client: Client) -> tuple[str, ...]:
    try:
        found = fetched(client.jwks_uri, party_of(client))
    except (outbound.OutboundError, TemporarilyUnavailable) as problem:
        return (str(problem),)
    return tuple(problems_with_keys(client, found)) if found else (_("No usable key is there."),)


def problems_with_keys(client: Client, jwks: list[Any]) -> Iterator[str]:
    """Return the registered uses of keys for which these public JWKs have no key."""
    signs = {
        _("client authentication"): client.token_endpoint_auth_method == "private_key_jwt",
        _("signed requests"): client.require_signed_request_object
        and client.request_object_signing_alg not in policy.MAC_ALGORITHMS,
        _("requests to users"): bool(client.backchannel_authentication_request_signing_alg),
    }
    algorithms = {
        _("client authentication"): client.token_endpoint_auth_signing_alg,
        _("signed requests"): client.request_object_signing_alg,
        _("requests to users"): client.backchannel_authentication_request_signing_alg,
    }
    for purpose, needed in signs.items():
        if needed and not any(_verifies(key, algorithms[purpose]) for key in jwks):
            yield _("No key there can be used for %(purpose)s.") % {"purpose": purpose}
    by_certificate = client.token_endpoint_auth_method == "self_signed_tls_client_auth"
    if by_certificate and not any(key.get("use") in (None, "sig") for key in jwks):
        yield _("No key there can be used for %(purpose)s.") % {
            "purpose": _("client authentication")
        }
    for answer in ("id_token", "userinfo", "authorization"):
        alg = getattr(client, f"{answer}_encrypted_response_alg")
        if alg in policy.PUBLIC_KEY_ENCRYPTION and public_key_for(jwks, alg) is None:
            yield _("No key there can be encrypted to with %(alg)s.") % {"alg": alg}


def _verifies(key: Any, algorithm: str) -> bool:
    """Whether a key can check signatures by an algorithm; any of ours where none is named."""
    names = [algorithm] if algorithm else policy.SIGNING_ALGORITHMS
    return key.get("use") in (None, "sig") and any(
        key.get("kty") == ALGORITHMS[name].kty and key.get("alg") in (None, name) for name in names
    )


def _at_sector(client: Client) -> tuple[str, ...]:
    try:
        fetch_sector_document(client)
    except ValidationError as error:
        return tuple(error.messages)
    except TemporarilyUnavailable as problem:
        return (str(problem),)
    return ()
