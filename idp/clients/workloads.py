"""Workload identity: a client proves itself with a token of the platform that it runs on.

A JWT of a trusted issuer takes the place of the client's own (RFC 7523 §2.2): a Kubernetes service
account token, a GitHub Actions token, a SPIFFE JWT-SVID. It proves the client that names its
issuer, subject and audience, and no other (docs/adr/0045).
"""

import re
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from math import inf

from django.core.cache import cache
from django.http import HttpRequest

from idp import events, trusted_issuers
from idp.jose.received_jwts import authentic, judge_claims
from idp.jose.verify import unverified_claims
from idp.models import Client, TrustedIssuer
from idp.protocol.errors import InvalidClient
from idp.protocol.rules import upholds
from idp.trusted_issuers import Claims

#: Allowed values of a token's `typ`: none, or one that no access token has (RFC 9068 §2.1).
#: SPIFFE JWT-SVID §2.2 allows JOSE, too.
_TYPES = (None, "JWT", "JOSE")
#: What the parts of a subject are separated by: `*` stands for one part, and never spans two.
_SEPARATOR = re.compile(r"([:/])")
#: The parts of a pattern, from its beginning, that no `*` can stand for.
_LITERAL_PARTS = 2
ANY = "*"
#: Seconds in which uses by one workload are recorded once.
_RECORDED_EVERY = 3600
#: When this process recorded, or saw recorded, each client with a workload; and how many it knows.
_recorded_at: dict[str, float] = {}
_MOST = 10_000


@dataclass(frozen=True)
class Workload:
    """What a token has to be to prove a client."""

    #: The trusted issuer's `iss`, or its trust domain.
    issuer: str
    #: The `sub`, in which `*` may stand for a part.
    subject: str
    #: The `aud`; empty for that of the issuer.
    audience: str = ""
    #: Further claims that it has to have, with these values.
    claims: dict[str, str] = field(default_factory=dict)
    #: Whether a token works once. Those of Kubernetes and GitHub are used until they expire.
    single_use: bool = False


def workloads_of(client: Client) -> Iterator[Workload]:
    """Yield the workloads that prove a client."""
    for stored in client.workloads:
        yield Workload(**stored)


@upholds("RFC 7523 §3")
def verify(client: Client, jwt: str, now: datetime, request: HttpRequest | None) -> None:
    """Check that a trusted issuer's JWT proves the client. Raises InvalidClient.

    Its signature is verified once for each issuer that it may be of: two at most.
    """
    if not client.workloads:
        raise InvalidClient(
            f"The iss and sub of the client_assertion have to be {client.client_id}: tokens of no "
            "other issuer prove this client."
        )
    subject = _subject_of(jwt)
    names = trusted_issuers.names_in(jwt)
    named = [one for one in workloads_of(client) if one.issuer in names]
    fitting = [one for one in named if matches(one.subject, subject)]
    if not fitting:
        what = "subject (sub)" if named else "issuer (iss)"
        raise InvalidClient(f"No workload of this client has the {what} of the client_assertion.")
    issuers = trusted_issuers.found(
        {one.issuer for one in fitting}, TrustedIssuer.Purpose.WORKLOADS
    )
    verified: dict[str, Claims] = {}
    refused: InvalidClient | None = None
    for workload in fitting:
        try:
            _verify_one(workload, issuers.get(workload.issuer), jwt, verified, now)
        except InvalidClient as problem:
            refused = refused or problem
        else:
            _record(client, workload, subject, request)
            return
    if refused is not None:
        raise refused


def matches(pattern: str, subject: str) -> bool:
    """Whether a subject is that of a pattern, character by character.

    A part of the pattern that is `*` stands for one part of any characters that can be seen, but
    for a separator.
    """
    wanted, parts = _SEPARATOR.split(pattern), _SEPARATOR.split(subject)
    return len(wanted) == len(parts) and all(
        part == want or (want == ANY and part != "" and part.isprintable())
        for want, part in zip(wanted, parts, strict=True)
    )


def is_pattern(pattern: str) -> bool:
    """Whether each `*` is a whole part, and none of the first two: whose platform it is, and where.

    Those are `repo` and the organisation, `system` and `serviceaccount`, or the trust domain.
    """
    parts = [part for part in _SEPARATOR.split(pattern)[::2] if part]
    stars = [place for place, part in enumerate(parts) if ANY in part]
    return all(parts[place] == ANY and place >= _LITERAL_PARTS for place in stars)


def _subject_of(jwt: str) -> str:
    subject = unverified_claims(jwt).get("sub")
    return subject if isinstance(subject, str) else ""


def _verify_one(
    workload: Workload,
    issuer: TrustedIssuer | None,
    jwt: str,
    verified: dict[str, Claims],
    now: datetime,
) -> None:
    """Check that the JWT is one of this workload. Raises InvalidClient."""
    if issuer is None:
        raise InvalidClient(f"Tokens of {workload.issuer} are not, or no longer, trusted here.")
    expected = trusted_issuers.expectations(
        issuer,
        "client_assertion",
        InvalidClient,
        types=_TYPES,
        audiences=(workload.audience,) if workload.audience else (),
        required={"jti"} if workload.single_use else (),
    )
    if workload.issuer not in verified:
        keys = trusted_issuers.keys_for(issuer, InvalidClient)
        verified[workload.issuer] = authentic(jwt, expected, keys)
    claims = verified[workload.issuer]
    judge_claims(claims, expected, now)
    for wanted in (issuer.claims, workload.claims):
        trusted_issuers.refuse_other_claims(claims, wanted, "client_assertion", InvalidClient)
    if workload.single_use:
        _is_used_once(issuer, claims)


@upholds("RFC 7523 §3")
def _is_used_once(issuer: TrustedIssuer, claims: Claims) -> None:
    """RFC 7523 §3: where the workload says so, a token can't be replayed."""
    if trusted_issuers.use_once(issuer, claims) is None:
        raise InvalidClient("The client_assertion was used before: its jti works once.")


def _record(client: Client, workload: Workload, subject: str, request: HttpRequest | None) -> None:
    """Record that a workload proved the client, once an hour: tokens come with every request.

    The cache that the processes share is asked if this one has not recorded it.
    """
    name = trusted_issuers.digest(client.client_id, workload.issuer, subject)
    now = time.monotonic()
    if now - _recorded_at.get(name, -inf) < _RECORDED_EVERY:
        return
    if len(_recorded_at) >= _MOST:
        _recorded_at.clear()
    _recorded_at[name] = now
    if cache.add(f"workload:{name}", 1, _RECORDED_EVERY):
        events.record(
            events.Kind.ASSERTION_ACCEPTED,
            request,
            client_id=client.client_id,
            target=f"trusted issuer {workload.issuer}",
            reason=f"The workload {subject} authenticated the app.",
        )
