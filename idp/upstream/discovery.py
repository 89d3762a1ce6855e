"""What an upstream says of itself: its discovery document. OIDC Discovery §4, RFC 8414 §2."""

import hashlib
import time
from dataclasses import dataclass
from typing import Any

import structlog
from django.conf import settings
from django.core.cache import cache

from accounts.upstream.model import Upstream
from accounts.upstream.refusals import UnreachableError
from idp import fetching, outbound
from idp.fetching import Party
from idp.protocol import addresses, json_objects
from idp.protocol.errors import InvalidRequest, TemporarilyUnavailable

log = structlog.get_logger(__name__)
#: Seconds for which a document is believed without another look …
_FRESH_FOR = 600
#: … or stays in use while it can't be fetched.
_USED_FOR = 24 * 3600
_PATH = "/.well-known/openid-configuration"
_CONTENT_TYPES = ("application/json",)
_ENDPOINTS = ("authorization_endpoint", "token_endpoint", "jwks_uri")


@dataclass(frozen=True)
class Discovered:
    """The parts of a discovery document that sign-ins and sign-outs need."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    jwks_uri: str
    #: Empty if there is none.
    userinfo_endpoint: str
    #: Whether each of its responses names its issuer. RFC 9207 §3.
    names_issuer: bool
    #: Algorithms that clients may sign assertions with; empty if it does not say.
    assertion_algorithms: tuple[str, ...]
    #: Empty if users can't be sent there to sign out. OIDC RP-Initiated Logout §2.1.
    end_session_endpoint: str = ""


def party_of(upstream: Upstream, purpose: str) -> Party:
    """Return whom its addresses are fetched for: an operator entered it."""
    return Party(f"upstream {upstream.slug} ({purpose})", is_vouched_for=True)


def of(upstream: Upstream) -> Discovered:
    """Return what an upstream says of itself, from the cache or fetched. Raises UnreachableError.

    An old document stays in use while no other can be had.
    """
    key = f"upstream-discovery:{hashlib.sha256(upstream.issuer.encode()).hexdigest()}"
    at, known = cache.get(key, (0.0, None))
    if known is not None and at > time.time() - _FRESH_FOR:
        return known  # type: ignore[no-any-return]
    try:
        known = fetched(upstream)
    except (outbound.OutboundError, TemporarilyUnavailable) as problem:
        if known is None:
            raise UnreachableError(str(problem)) from None
        log.warning("upstream_not_discovered", upstream=upstream.slug, reason=str(problem))
        return known  # type: ignore[no-any-return]
    cache.set(key, (time.time(), known), _USED_FOR)
    return known


def fetched(upstream: Upstream) -> Discovered:
    """Fetch the document of an upstream's issuer. Raises OutboundError, TemporarilyUnavailable."""
    address = upstream.issuer.rstrip("/") + _PATH
    body = fetching.ask(address, _CONTENT_TYPES, party_of(upstream, "discovery")).body
    try:
        document = json_objects.parse(body.decode(), "The discovery document")
    except (InvalidRequest, UnicodeDecodeError) as problem:
        raise outbound.OutboundError(str(problem)) from None
    return _read(document, upstream.issuer)


def _read(document: dict[str, Any], issuer: str) -> Discovered:
    if document.get("issuer") != issuer:  # OIDC Discovery §4.3
        raise outbound.OutboundError(
            f"The discovery document is that of another issuer: {document.get('issuer')!r:.200}."
        )
    for name in _ENDPOINTS:
        if not _is_usable(document.get(name)):
            raise outbound.OutboundError(f"The discovery document has no usable {name}.")
    userinfo: Any = document.get("userinfo_endpoint")
    end_session: Any = document.get("end_session_endpoint")
    algorithms = document.get("token_endpoint_auth_signing_alg_values_supported")
    return Discovered(
        issuer=issuer,
        **{name: document[name] for name in _ENDPOINTS},
        userinfo_endpoint=userinfo if _is_usable(userinfo) else "",
        names_issuer=document.get("authorization_response_iss_parameter_supported") is True,
        assertion_algorithms=tuple(map(str, algorithms)) if isinstance(algorithms, list) else (),
        end_session_endpoint=end_session if _is_usable(end_session) else "",
    )


def _is_usable(address: Any) -> bool:
    schemes = {"https", "http"} if settings.IDP_DEVELOPMENT else {"https"}
    return isinstance(address, str) and addresses.is_on_the_web(address, schemes)
