"""What operators enabled beyond the defaults, for discovery. OIDC Discovery §3.

Grant types and response types that any client can use are published (docs/adr/0011), and so are
scopes that release attributes of users, with their claims.
"""

import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from django.db import Error
from django.db.models import Q

from idp import policy
from idp.models import AuthorizationDetailsType, Client, Scope, TrustedIssuer
from idp.models.scope import claims_of_attributes
from idp.protocol.response_types import grants_of, parts
from idp.protocol.vocabulary import (
    DEVICE_SSO,
    ID_JAG_PROFILE,
    JWT_BEARER,
    TOKEN_EXCHANGE,
    TokenType,
)


@dataclass(frozen=True)
class EnabledGrants:
    """The grant types and response types that discovery lists, in the order of `policy`."""

    grant_types: tuple[str, ...]
    response_types: tuple[str, ...]
    #: The scopes of the operator's that release attributes of users, and their claims.
    scopes: tuple[str, ...] = ()
    claims: tuple[str, ...] = ()
    #: Whether apps share sign-ins on a device (OIDC Native SSO §5).
    native_sso: bool = False
    #: What an exchange gives beside access tokens (OAuth Identity and Authorization Chaining §3).
    requested_token_types: tuple[str, ...] = ()
    #: The profiles of assertions that are accepted (ID-JAG §7.2).
    grant_profiles: tuple[str, ...] = ()
    #: The types of authorization details (RFC 9396 §10).
    authorization_details_types: tuple[str, ...] = ()

    @property
    def endpoints(self) -> tuple[str, ...]:
        """The names of the endpoints in discovery, without those of grants that no client has."""
        return tuple(
            name
            for name in policy.PATHS
            if policy.ENDPOINTS_OF_GRANTS.get(name) in {None, *self.grant_types}
        )


#: Seconds to wait for another thread's first read.
_READ_WITHIN = 1.0
_lock = threading.Lock()
_known: tuple[float, EnabledGrants] | None = None


def enabled_grants() -> EnabledGrants:
    """Return the enabled grants of all clients, at most about `policy.PUBLISHED_FOR` old.

    During an outage of the database: the last known ones, or those of all clients. One thread reads
    them again, while the others use the last known ones.
    """
    global _known
    known = _known
    if known is not None and time.monotonic() - known[0] <= policy.PUBLISHED_FOR.total_seconds():
        return known[1]
    if not _lock.acquire(timeout=0 if known else _READ_WITHIN):
        return known[1] if known else _offered(())
    try:
        enabled = _with_exchange(_with_attributes(_offered(_of_clients())))
        _known = (time.monotonic(), _with_details(_with_profiles(enabled)))
    except Error:
        if known is None:
            return _offered(())
        _known = (time.monotonic(), known[1])
    finally:
        _lock.release()
    return _known[1]


def _of_clients() -> Iterator[tuple[list[str], list[str]]]:
    """Return the grant types and response types of clients with legacy or extension grants."""
    unusual = Q(has_legacy_grants=True) | Q(has_extension_grants=True)
    clients = Client.objects.filter(unusual, enabled=True).order_by().distinct()
    yield from clients.values_list("grant_types", "response_types")


def _with_attributes(enabled: EnabledGrants) -> EnabledGrants:
    """Add the scopes that release attributes of users, and their claims."""
    scopes: list[str] = []
    claims: set[str] = set()
    for name, sources in Scope.objects.order_by("name").values_list("name", "claims"):
        if released := claims_of_attributes(sources):
            scopes.append(name)
            claims.update(released)
    return replace(enabled, scopes=tuple(scopes), claims=tuple(sorted(claims)))


def _with_exchange(enabled: EnabledGrants) -> EnabledGrants:
    """Add what clients with token exchange share or get, beyond access tokens."""
    if TOKEN_EXCHANGE not in enabled.grant_types:
        return enabled
    clients = Client.objects.filter(has_extension_grants=True, enabled=True)
    special = clients.exclude(native_sso_group="", connected_applications__isnull=True)
    columns = ("grant_types", "native_sso_group", "connected_applications")
    found = [row for row in special.values_list(*columns) if TOKEN_EXCHANGE in row[0]]
    native_sso = any(group for _grants, group, _connected in found)
    return replace(
        enabled,
        scopes=(*((DEVICE_SSO,) if native_sso else ()), *enabled.scopes),
        native_sso=native_sso,
        requested_token_types=(TokenType.ID_JAG,) if any(row[2] for row in found) else (),
    )


def _with_profiles(enabled: EnabledGrants) -> EnabledGrants:
    """Add the profile of ID-JAGs, if a client may present those of an issuer. ID-JAG §7.2."""
    if JWT_BEARER not in enabled.grant_types:
        return enabled
    issuers = TrustedIssuer.objects.filter(enabled=True).values_list("issuer", "purposes")
    serving = {name for name, purposes in issuers if TrustedIssuer.Purpose.ID_JAGS in purposes}
    clients = Client.objects.filter(has_extension_grants=True, enabled=True).order_by()
    named = clients.values_list("grant_types", "user_assertions") if serving else ()
    accepted = any(
        JWT_BEARER in grants and not serving.isdisjoint(issuers) for grants, issuers in named
    )
    return replace(enabled, grant_profiles=(ID_JAG_PROFILE,) if accepted else ())


def _with_details(enabled: EnabledGrants) -> EnabledGrants:
    """Add the types of authorization details. RFC 9396 §10."""
    types = AuthorizationDetailsType.objects.order_by("type").values_list("type", flat=True)
    return replace(enabled, authorization_details_types=tuple(types))


def _offered(enabled: Iterable[tuple[list[str], list[str]]]) -> EnabledGrants:
    kinds, grants = set(policy.OFFERED_RESPONSE_TYPES), set(policy.GRANT_TYPES)
    grants -= policy.LEGACY_GRANT_TYPES | policy.EXTENSION_GRANT_TYPES
    if policy.REGISTRATION in {"token", "open"}:
        kinds |= set(policy.REGISTRATION_RESPONSE_TYPES)
        grants |= set(policy.REGISTRATION_GRANT_TYPES)
    for grant_types, response_types in enabled:
        kinds |= set(response_types)
        grants |= set(grant_types)
    grants |= {grant for kind in kinds for grant in grants_of(kind)}
    offered = {parts(kind) for kind in kinds}
    return EnabledGrants(
        tuple(grant for grant in policy.GRANT_TYPES if grant in grants),
        tuple(kind for kind in policy.RESPONSE_TYPES if parts(kind) in offered),
    )
