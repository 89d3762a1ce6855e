"""The operator's policy for self-registered clients. RFC 7591 §5."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

from idp import policy
from idp.models import Client, InitialAccessToken
from idp.models.authorization_details_type import open_types
from idp.models.resource_server import open_scopes
from idp.protocol.errors import InvalidClientMetadata, InvalidRedirectUri, RegistrationClosed
from idp.protocol.response_types import grants_of, parts
from idp.protocol.rules import upholds


@dataclass(frozen=True)
class Permit:
    """What a client may register: by the settings, or by its initial access token."""

    grant_types: frozenset[str]
    response_types: frozenset[str]
    scopes: frozenset[str]
    #: Scopes that APIs open to self-registered clients, for as long as they do.
    open_scopes: frozenset[str] = frozenset()
    #: The types of authorization details that it has already, beside those that are open.
    details_types: frozenset[str] = frozenset()
    #: The scopes of a client that names none; empty for every standard one.
    default_scopes: tuple[str, ...] = ()
    #: The hosts that users may be sent to; empty for any.
    redirect_hosts: frozenset[str] = frozenset()
    token: InitialAccessToken | None = None


@upholds("RFC 7591 §3")
def registration_is_open() -> None:
    """RFC 7591 §3: raise RegistrationClosed where clients cannot register themselves."""
    if policy.REGISTRATION not in {"token", "open"}:
        raise RegistrationClosed("Clients cannot register themselves here; ask the operator.")


def open_permit() -> Permit:
    """Return what the settings let any client register."""
    return _permit({})


def permit_by(token: InitialAccessToken) -> Permit:
    """Return what a token lets its holder register."""
    return replace(_permit(stamp_of(token)), token=token)


def permit_of(client: Client) -> Permit:
    """Return what a registered client may become: its permit, and its present metadata."""
    permit = _permit(client.registered_with)
    return replace(
        permit,
        grant_types=permit.grant_types | set(client.grant_types),
        response_types=permit.response_types | set(client.response_types),
        scopes=permit.scopes | client.allowed_scopes,
        details_types=frozenset(client.authorization_details_types),
    )


def stamp_of(token: InitialAccessToken | None) -> dict[str, Any]:
    """Return the permit of a token to store on its clients, so that it outlives the token."""
    if token is None:
        return {}
    return {
        "initial_access_token": token.name,
        "grant_types": token.grant_types,
        "scopes": token.scopes,
        "redirect_hosts": token.redirect_hosts,
        "logos": token.logos,
    }


@upholds("RFC 7591 §5")
def is_permitted(client: Client, permit: Permit) -> None:
    """RFC 7591 §5: grants, response types, scopes and types are ones that the operator allows."""
    kinds = {parts(kind) for kind in permit.response_types}
    for name, values, permitted in (
        ("grant_types", client.grant_types, permit.grant_types),
        (
            "response_types",
            client.response_types,
            {kind for kind in client.response_types if parts(kind) in kinds},
        ),
        ("scope", client.scopes, permit.scopes | permit.open_scopes),
        (
            "authorization_details_types",
            client.authorization_details_types,
            permit.details_types | open_types()
            if client.authorization_details_types
            else frozenset(),
        ),
    ):
        beyond = sorted(set(values) - permitted)
        if beyond:
            words = ", ".join(beyond)
            raise InvalidClientMetadata(f"{name}: This registration is not open for {words}.")


@upholds("RFC 7591 §5")
def hosts_are_permitted(client: Client, permit: Permit) -> None:
    """RFC 7591 §5: users are sent to the hosts that the operator named, if any."""
    if not permit.redirect_hosts:
        return
    for name in ("redirect_uris", "post_logout_redirect_uris"):
        for uri in getattr(client, name):
            if urlsplit(uri).hostname not in permit.redirect_hosts:
                kind = InvalidRedirectUri if name == "redirect_uris" else InvalidClientMetadata
                raise kind(f"{name}: This registration is not open for {uri}.")


def _permit(stamp: dict[str, Any]) -> Permit:
    grant_types = stamp.get("grant_types") or policy.REGISTRATION_GRANT_TYPES
    scopes = tuple(stamp.get("scopes", ()))
    return Permit(
        grant_types=frozenset(grant_types),
        response_types=frozenset(
            _response_types_of(grant_types)
            if stamp.get("grant_types")
            else policy.REGISTRATION_RESPONSE_TYPES
        ),
        scopes=frozenset(scopes or policy.STANDARD_SCOPES),
        open_scopes=frozenset() if scopes else open_scopes(),
        default_scopes=scopes,
        redirect_hosts=frozenset(host.lower() for host in stamp.get("redirect_hosts", ())),
    )


def _response_types_of(grant_types: Sequence[str]) -> Iterable[str]:
    """Return the response types that go with these grants."""
    return (kind for kind in policy.RESPONSE_TYPES if grants_of(kind) <= set(grant_types))
