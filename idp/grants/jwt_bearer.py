"""The JWT bearer grant: a trusted issuer vouches for a user. RFC 7523 §2.1, §3.1.

An identity assertion grant (ID-JAG) is its profile for identity providers: the assertion names the
client, its API and its scopes (draft-ietf-oauth-identity-assertion-authz-grant). The operator
declares for each client whose assertions it may present, and for which scopes; so users are not
asked to agree. Users are found by a link, or by an address of a domain that the issuer has.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any, TypeGuard

from django.http import HttpRequest

from accounts.addresses import normalised_email
from accounts.allauth_door import email_addresses
from accounts.levels import SINGLE_FACTOR, reaches
from accounts.models import User
from idp import events, policy, trusted_issuers
from idp.clients.access_policy import NOT_ALLOWED, allows
from idp.jose.received_jwts import judge
from idp.jose.verify import header_of
from idp.models import Client, Grant, IssuerLink, TrustedIssuer, UsedIssuerJwt
from idp.protocol.errors import InvalidGrant, InvalidScope, UnauthorizedClient
from idp.protocol.parameters import Parameters
from idp.protocol.rules import upholds
from idp.protocol.vocabulary import OFFLINE_ACCESS
from idp.tokens.entitlement import Entitlement
from idp.trusted_issuers import Claims


@dataclass(frozen=True)
class Kind:
    """One of the two kinds of assertions, told apart by their type. RFC 8725 §3.11."""

    purpose: TrustedIssuer.Purpose
    types: tuple[str | None, ...]
    #: The names that it may have for us; empty for those of its issuer.
    audiences: tuple[str, ...]
    required: frozenset[str]


_PLAIN = Kind(
    TrustedIssuer.Purpose.USERS,
    (None, "JWT", "authorization-grant+jwt"),
    (),
    frozenset({"jti"}),
)
#: ID-JAG §3.1, §4.4.1.
_ID_JAG = Kind(
    TrustedIssuer.Purpose.ID_JAGS,
    ("oauth-id-jag+jwt",),
    (policy.ISSUER,),
    frozenset({"jti", "iat", "client_id"}),
)


@dataclass(frozen=True)
class Access:
    """What the client gets for the user."""

    scopes: frozenset[str]
    #: The APIs that the tokens may be for; empty for any.
    resource: tuple[str, ...]


@upholds("RFC 7523 §3.1")
def entitle(
    client: Client, parameters: Parameters, now: datetime, request: HttpRequest
) -> Entitlement:
    """Return the entitlement of a client that presents an assertion about a user.

    The assertion is used up last. Raises InvalidGrant, InvalidScope, UnauthorizedClient, and
    TemporarilyUnavailable where the issuer's keys have to be fetched, and can't be just now.
    """
    _is_authenticated(client)
    jwt = parameters.require("assertion")
    kind = _kind_of(jwt)
    issuer = _issuer_of(jwt, client, kind)
    claims = _judged(jwt, issuer, kind, now)
    _is_for_this_client(client, claims)
    user = _user(issuer, kind, claims)
    _may_use(client, user)
    access = _access(client, issuer, claims, parameters)
    jti_hash = _used_up(issuer, claims)
    grant = _grant(client, user, issuer, access, claims, now)
    _record(request, client, user, issuer, claims)
    return Entitlement(
        client,
        grant,
        access.scopes,
        access.resource,
        asked_resource=parameters.resources,
        access_token_only=True,
        undo=partial(_undo, grant, issuer, jti_hash),
    )


# --- the assertion --------------------------------------------------------------------------------


@upholds("OAuth Identity Assertion JWT Authorization Grant §8")
def _is_authenticated(client: Client) -> None:
    """ID-JAG §8: a stolen assertion is of no use to one who can't authenticate."""
    if client.is_public:
        raise UnauthorizedClient("A client without a secret cannot present assertions.")


def _kind_of(jwt: str) -> Kind:
    header = header_of(jwt)
    if header is None:
        raise InvalidGrant("The assertion is not a signed JWT.")
    return _ID_JAG if header.get("typ") in _ID_JAG.types else _PLAIN


@upholds("RFC 7523 §3")
def _issuer_of(jwt: str, client: Client, kind: Kind) -> TrustedIssuer:
    """RFC 7523 §3: the issuer is one that the operator trusts with users of this client."""
    names = trusted_issuers.names_in(jwt) & client.user_assertions.keys()
    if not names:
        raise InvalidGrant("This client may not present assertions of this issuer (iss).")
    found = next(iter(trusted_issuers.found(names, kind.purpose).values()), None)
    if found is None:
        raise InvalidGrant(
            "Assertions of this kind (typ) by this issuer are not, or no longer, trusted here."
        )
    return found


def _judged(jwt: str, issuer: TrustedIssuer, kind: Kind, now: datetime) -> Claims:
    expected = trusted_issuers.expectations(
        issuer,
        "assertion",
        InvalidGrant,
        types=kind.types,
        audiences=kind.audiences,
        required=kind.required,
    )
    claims = judge(jwt, expected, trusted_issuers.keys_for(issuer, InvalidGrant), now)
    trusted_issuers.refuse_other_claims(claims, issuer.claims, "assertion", InvalidGrant)
    _is_of_one_tenant(issuer, claims)
    return claims


@upholds("OAuth Identity Assertion JWT Authorization Grant §6")
def _is_of_one_tenant(issuer: TrustedIssuer, claims: Claims) -> None:
    """ID-JAG §6: where an issuer has tenants, a subject is unique within one of them."""
    if claims.get("tenant") is not None and "tenant" not in issuer.claims:
        raise InvalidGrant(
            "The assertion is of one of several tenants; the operator has to say which is trusted."
        )


@upholds("OAuth Identity Assertion JWT Authorization Grant §4.4.1")
def _is_for_this_client(client: Client, claims: Claims) -> None:
    """ID-JAG §4.4.1: the assertion is about the client that presents it. A plain one may say so."""
    if claims.get("client_id") not in (None, client.client_id):
        raise InvalidGrant("The assertion was given to another client (client_id).")


@upholds("RFC 7523 §3")
def _used_up(issuer: TrustedIssuer, claims: Claims) -> str:
    """RFC 7523 §3: an assertion works once, whichever client presents it."""
    jti_hash = trusted_issuers.use_once(issuer, claims)
    if jti_hash is None:
        raise InvalidGrant("The assertion was used before: its jti works once.")
    return jti_hash


# --- the user -------------------------------------------------------------------------------------


@upholds("RFC 7523 §3")
def _user(issuer: TrustedIssuer, kind: Kind, claims: Claims) -> User:
    """RFC 7523 §3: the subject identifies a user here, by a link or by their address."""
    subject = claims["sub"]
    if not _is_visible(subject):
        raise InvalidGrant("The sub of the assertion is not a text that can be seen.")
    links = IssuerLink.objects.select_related("user").filter(issuer=issuer, subject=subject)
    link = links.first()
    user = link.user if link else _by_address(issuer, kind, claims)
    if user is None:
        raise InvalidGrant(
            "No user here is linked with the sub of the assertion, and its email is not one by "
            "which this issuer may name users."
        )
    if not user.is_active:
        raise InvalidGrant("The account of the user has been disabled.")
    return user


def _by_address(issuer: TrustedIssuer, kind: Kind, claims: Claims) -> User | None:
    """Return the user with the address of an assertion, if its domain is one of the issuer's.

    The issuer has verified it, which an ID-JAG need not repeat; and so has the user here, or it
    could be the account of another one.
    """
    email, verified = claims.get("email"), claims.get("email_verified")
    needed = (True,) if kind is _PLAIN else (True, None)
    if not _is_visible(email) or not any(verified is it for it in needed):
        return None
    email = normalised_email(email)
    if email.rpartition("@")[2] not in issuer.email_domains:
        return None
    user = User.objects.filter(email=email).first()
    return user if user is not None and email_addresses.is_verified(user, email) else None


def _is_visible(value: Any) -> TypeGuard[str]:
    """Whether a claim is a text that every database can store: no NUL, no half of a surrogate."""
    return isinstance(value, str) and value.isprintable()


@upholds("RFC 6749 §5.2")
def _may_use(client: Client, user: User) -> None:
    """RFC 6749 §5.2: the client's access policy holds, however its users come."""
    if not allows(client, user):
        raise InvalidGrant(NOT_ALLOWED)
    if client.required_acr and not reaches(SINGLE_FACTOR, client.required_acr):
        raise InvalidGrant(
            f"This client requires users to sign in here with {client.required_acr}, which an "
            "assertion does not show."
        )


# --- what it gives --------------------------------------------------------------------------------


@upholds("OAuth Identity Assertion JWT Authorization Grant §4.4.1")
def _access(
    client: Client, issuer: TrustedIssuer, claims: Claims, parameters: Parameters
) -> Access:
    """Return the scopes that the operator, the assertion and the request all name, and the APIs.

    ID-JAG §4.4.1, RFC 6749 §3.3: an assertion or a request that names none limits none.
    """
    available = frozenset(client.user_assertions[issuer.issuer].split())
    available &= client.allowed_scopes - {OFFLINE_ACCESS}
    asked = frozenset((parameters.get("scope") or "").split())
    if not asked <= available:
        refused = ", ".join(sorted(asked - available))
        raise InvalidScope(f"This client cannot have these scopes by an assertion: {refused}.")
    stated = claims.get("scope")
    if not isinstance(stated, str | None):
        raise InvalidGrant("The scope of the assertion is not a text.")
    limits = (asked, frozenset((stated or "").split()))
    scopes = available
    for limit in filter(None, limits):
        scopes &= limit
    if not scopes:
        raise InvalidScope("The assertion grants none of the scopes that this client can have.")
    return Access(scopes, _resource(claims) or tuple(dict.fromkeys(parameters.resources)))


def _resource(claims: Claims) -> tuple[str, ...]:
    """Return the APIs that an assertion is for. ID-JAG §3.1."""
    stated = claims.get("resource")
    named = stated if isinstance(stated, list) else [stated] if stated is not None else []
    if not all(map(_is_visible, named)):
        raise InvalidGrant("The resource of the assertion is not a text, or a list of them.")
    return tuple(dict.fromkeys(named))


def _grant(
    client: Client,
    user: User,
    issuer: TrustedIssuer,
    access: Access,
    claims: Claims,
    now: datetime,
) -> Grant:
    """Store a grant without a session: the user has not signed in here."""
    return Grant.objects.create(
        client=client,
        user=user,
        session=None,
        offline=True,
        scope=" ".join(sorted(access.scopes)),
        resource=list(access.resource),
        asserted_by=issuer.issuer,
        auth_time=min(_time(claims, "auth_time") or _time(claims, "iat") or now, now),
        acr=SINGLE_FACTOR,
        amr=[],
    )


def _time(claims: Claims, name: str) -> datetime | None:
    """Return a time of an assertion, None where there is none that makes sense."""
    value: Any = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < 1e10:
        return None
    return datetime.fromtimestamp(value, UTC)


def _undo(grant: Grant, issuer: TrustedIssuer, jti_hash: str) -> None:
    """Let an assertion be used that no tokens were given for."""
    grant.delete()
    UsedIssuerJwt.objects.filter(issuer=issuer, jti_hash=jti_hash).delete()


def _record(
    request: HttpRequest, client: Client, user: User, issuer: TrustedIssuer, claims: Claims
) -> None:
    events.record(
        events.Kind.ASSERTION_ACCEPTED,
        request,
        user=user,
        client_id=client.client_id,
        target=f"trusted issuer {issuer.issuer}",
        reason=f"It vouched for the user as {claims['sub']}.",
    )
