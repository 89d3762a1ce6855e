"""Fetch a user's claims from aggregated and distributed sources. OIDC Core §5.6.2.

If a source fails or returns an invalid value, its claims are left out and an error is logged; the
sign-in continues.
"""

import re
import traceback
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import structlog
from django.db import connection, transaction

from accounts.models import User
from idp.claim_sources import AggregatedClaims, ClaimSource, DistributedClaims, Endpoint
from idp.claim_sources.configured import Configured, sources
from idp.jose.verify import unverified_claims
from idp.protocol.vocabulary import CLAIM_NAMES, CLAIM_SOURCES, USER_CLAIMS

log = structlog.get_logger(__name__)
#: RFC 6750 §2.1: the characters of a bearer token.
_BEARER = re.compile(r"[A-Za-z0-9._~+/-]+=*")


class _NonsenseError(Exception):
    """A source returned an invalid value; the message does not quote it."""


@dataclass(frozen=True)
class _Given:
    """The result of one source: its entry for `_claim_sources`, and its claims."""

    entry: dict[str, str]
    names: frozenset[str]


def members(user: User, client_id: str, names: frozenset[str]) -> dict[str, Any]:
    """Return the members with these claims of a user, aggregated and distributed.

    Empty if no source has any. Claims without a source are left out.
    """
    where: dict[str, str] = {}
    entries: dict[str, dict[str, str]] = {}
    for configured in sources():
        wanted = names & configured.source.claims.keys()
        given = _ask(configured, user, client_id, wanted) if wanted else None
        if given is not None:
            reference = f"src{len(entries) + 1}"
            entries[reference] = given.entry
            where |= dict.fromkeys(sorted(given.names), reference)
    return {CLAIM_NAMES: where, CLAIM_SOURCES: entries} if entries else {}


def _ask(
    configured: Configured, user: User, client_id: str, names: frozenset[str]
) -> _Given | None:
    """Return a source's result, or None. Its exceptions may quote secrets: not logged."""
    try:
        with _undisturbed():
            return _given(configured.source, user, client_id, names)
    except _NonsenseError as problem:
        reason, at = str(problem), []
    except Exception as error:  # noqa: BLE001  it is somebody else's code
        reason, frames = type(error).__name__, traceback.extract_tb(error.__traceback__)
        at = [f"{frame.filename}:{frame.lineno}" for frame in frames]
    log.error(
        "claims_left_out",
        source=configured.path,
        claims=sorted(names),
        client_id=client_id,
        sub=user.sub,
        reason=reason,
        at=at[-3:],
    )
    return None


def _undisturbed() -> AbstractContextManager[Any]:
    """Run a source in a savepoint: its failed statement must not break the transaction."""
    return transaction.atomic() if connection.in_atomic_block else nullcontext()


def _given(source: ClaimSource, user: User, client_id: str, names: frozenset[str]) -> _Given | None:
    """Return the result of a source; raises _NonsenseError, and exceptions of the source."""
    match source:
        case AggregatedClaims():
            jwt = source.jwt(user, client_id, names)
            return None if jwt is None else _aggregated(source, jwt, names)
        case DistributedClaims():
            endpoint = source.endpoint(user, client_id, names)
            return None if endpoint is None else _distributed(endpoint, names)
    raise TypeError(source)


def _aggregated(source: AggregatedClaims, jwt: object, names: frozenset[str]) -> _Given:
    """A JWT has all claims that refer to it (OIDC Core §5.6.2), and none without consent.

    Its signature is checked by the client.
    """
    said = unverified_claims(jwt) if isinstance(jwt, str) else {}
    if not isinstance(jwt, str) or not said:
        raise _NonsenseError("What it gave is not a signed JWT.")
    unasked = sorted(said.keys() & {*source.claims, *USER_CLAIMS} - names)
    if unasked:
        raise _NonsenseError(f"The JWT says what was not asked for: {', '.join(unasked)}.")
    has = names & said.keys()
    if not has:
        raise _NonsenseError("The JWT has none of the claims.")
    return _Given({"JWT": jwt}, has)


def _distributed(endpoint: object, names: frozenset[str]) -> _Given:
    """An endpoint is https (RFC 6750 §5.3), and an access token is one or not there at all."""
    if not isinstance(endpoint, Endpoint):
        raise _NonsenseError("What it gave is not an Endpoint.")
    if not _is_https(endpoint.url):
        raise _NonsenseError("The endpoint is not an https address.")
    if endpoint.access_token is None:
        return _Given({"endpoint": endpoint.url}, names)
    if not _is_bearer_token(endpoint.access_token):
        raise _NonsenseError("The access token is not one that a Bearer header can carry.")
    return _Given({"endpoint": endpoint.url, "access_token": endpoint.access_token}, names)


def _is_https(url: object) -> bool:
    if not isinstance(url, str) or not url.isascii() or not url.isprintable() or " " in url:
        return False
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return parts.scheme == "https" and bool(parts.hostname) and "@" not in parts.netloc


def _is_bearer_token(token: object) -> bool:
    return isinstance(token, str) and _BEARER.fullmatch(token) is not None
