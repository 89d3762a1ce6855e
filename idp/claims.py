"""Claims about a user: by scopes, or requested one by one. OIDC Core §5.

A user's values are in one language, that of their `locale`: a claim requested in a language
(`name#de`, §5.2) is returned if it is that one, and `claims_locales` has no effect.
"""

from collections.abc import Container, Iterable, Mapping
from typing import Any

from django.contrib.auth.models import Group

from accounts.allauth_door import email_addresses
from accounts.models import User
from idp import policy
from idp.claim_sources import configured, delivery
from idp.models import Grant, Scope
from idp.models.scope import CLAIMS_PROVIDER, FIELDS, Source
from idp.protocol.languages import is_within, tagged
from idp.protocol.vocabulary import (
    ADDRESS_MEMBERS,
    CLAIM_NAMES,
    CLAIM_SOURCES,
    GROUPS,
    PROTOCOL_CLAIMS,
)
from idp.roles import ROLES

_SUPPORTED = tuple(
    dict.fromkeys(
        [claim for claims in policy.SCOPE_CLAIMS.values() for claim in claims]
        + ["iss", "aud", "exp", "iat", "auth_time", "nonce", "acr", "amr", "sid"]
        + ["at_hash", "c_hash"]
    )
)
_NOTHING: tuple[Any, ...] = (None, "", {}, [])
_STANDARD = frozenset(name for names in policy.SCOPE_CLAIMS.values() for name in names)
_STANDARD_SCOPES = frozenset(policy.SCOPES)
_NOT_IN_ID_TOKENS = PROTOCOL_CLAIMS - {CLAIM_NAMES, CLAIM_SOURCES}


def supported() -> tuple[str, ...]:
    """Return every claim that can be delivered, for discovery's `claims_supported`."""
    return (*_SUPPORTED, *configured.claims())


def claims_for(
    values: Mapping[str, Any],
    scopes: frozenset[str],
    names: Iterable[str] = (),
    *,
    client_id: str | None = None,
) -> dict[str, Any]:
    """Return the claims that the scopes show, and those of these names; never an empty one.

    `values` has a user's columns by their claims' names, `id`, and `email_verified`. Groups and
    operators' own claims are looked up only if one is among the claims. `client_id` is the client
    that receives them: without it, claims that others assert are left out (OIDC Core §5.6.2).
    """
    names = tuple(names)
    own = _own_sources(scopes, names) if names or scopes - _STANDARD_SCOPES else {}
    shown: list[str] = []
    for scope, of_scope in policy.SCOPE_CLAIMS.items():
        if scope in scopes:
            shown += of_scope
    claims: dict[str, Any] = {}
    for name in dict.fromkeys([*shown, *own, *names]):
        base, tag = tagged(name) if "#" in name else (name, None)
        if tag is None or is_within(values["locale"], tag):
            source = own.get(base)
            value = _sourced(source, values) if source else _value(base, values)
            if value not in _NOTHING:
                claims[name] = value
    if own and client_id is not None:
        claims |= _asserted(own, values, client_id)
    return claims


def _asserted(own: Mapping[str, Source], values: Mapping[str, Any], client_id: str) -> Any:
    """Return the members by which a client gets the claims that others assert. OIDC Core §5.6.2."""
    names = frozenset(name for name, source in own.items() if source.kind == CLAIMS_PROVIDER)
    return delivery.members(User.objects.get(pk=values["id"]), client_id, names) if names else {}


def id_token_claims(
    grant: Grant, user: User, client_id: str | None, *, with_scopes: bool
) -> dict[str, Any]:
    """Return the claims about the user that go into the ID token. OIDC Core §5.4, §5.5.

    Those requested for it one by one; `with_scopes` also those that the scopes show, for the
    response type id_token, which has no access token for UserInfo. Protocol claims of a token are
    not among them. `client_id` is the token's audience, as for `claims_for`.
    """
    scopes = frozenset(grant.scope.split()) if with_scopes else frozenset()
    names = grant.claims.get("id_token", [])
    wanted = {*names, *(("email_verified",) if "email" in scopes else ())}
    claims = claims_for(user_values(user, wanted), scopes, names, client_id=client_id)
    return {name: value for name, value in claims.items() if name not in _NOT_IN_ID_TOKENS}


def user_values(user: User, wanted: Container[str]) -> dict[str, Any]:
    """Return the values of a user for `claims_for`; email_verified is looked up if it is wanted."""
    if user.get_deferred_fields():
        user.refresh_from_db()
    values = {name: getattr(user, name) for name in FIELDS if name != "email_verified"}
    verified = "email_verified" in wanted and _has_verified_address(user)
    return {"id": user.pk, "sub": user.sub, **values, "email_verified": verified}


def scopes_showing(names: Container[str], scopes: frozenset[str]) -> dict[str, frozenset[str]]:
    """Return which of these scopes show which of these claims; claims of none are left out."""
    shown_by: dict[str, set[str]] = {}
    standard = {scope: policy.SCOPE_CLAIMS.get(scope, ()) for scope in scopes & {*policy.SCOPES}}
    own = {row.name: row.claims for row in _own_scopes(scopes)}
    for scope, claims in [*standard.items(), *own.items()]:
        for name in claims:
            if name in names:
                shown_by.setdefault(name, set()).add(scope)
    return {name: frozenset(scopes) for name, scopes in shown_by.items()}


def names_shown(scopes: frozenset[str]) -> frozenset[str]:
    """Return the names of the claims that these scopes show."""
    standard = (name for scope in scopes for name in policy.SCOPE_CLAIMS.get(scope, ()))
    return frozenset([*standard, *(name for row in _own_scopes(scopes) for name in row.claims)])


def asserted_by_others(scope: Scope, names: Container[str]) -> list[tuple[str, str]]:
    """Return those of these claims of an operator's scope that others assert.

    Each with its description for users, and its claims provider.
    """
    known = configured.claims()
    return [
        (str(known[name].claims[name]), str(known[name].provider))
        for name, words in scope.claims.items()
        if name in names and name in known and Source.parse(words) == Source(CLAIMS_PROVIDER, "")
    ]


def groups_of(user_id: int, beginning: str = "") -> list[str]:
    """Return the groups of a user, sorted, without those of the administration."""
    groups = Group.objects.filter(user=user_id).exclude(name__in=ROLES)
    return sorted(
        name for name in groups.values_list("name", flat=True) if name.startswith(beginning)
    )


def _own_scopes(scopes: frozenset[str]) -> Iterable[Scope]:
    """Return the operator's own of these scopes; the standard ones cost no statement."""
    names = scopes - _STANDARD_SCOPES
    return Scope.objects.filter(name__in=names) if names else ()


def _own_sources(scopes: frozenset[str], names: Iterable[str]) -> dict[str, Source]:
    """Return the sources of the operator's own claims that scopes show, or that are named."""
    asked = frozenset(tagged(name)[0] for name in names) - _STANDARD
    rows = Scope.objects.all() if asked else _own_scopes(scopes)
    return {
        name: source
        for row in rows
        for name, words in row.claims.items()
        if (row.name in scopes or name in asked) and (source := Source.parse(words))
    }


def _sourced(source: Source, values: Mapping[str, Any]) -> Any:
    match source.kind:
        case "text":
            return source.argument
        case "groups":
            return groups_of(values["id"], source.argument)
        case "claims provider":
            return None  # not the value, but where it is found, goes out
        case _:
            return _value(source.argument, values)


def _value(name: str, values: Mapping[str, Any]) -> Any:
    if name == GROUPS:
        return groups_of(values["id"])
    value = values.get(name)  # None for a claim that an operator has removed from a scope since
    match name:
        case "updated_at":
            return int(values[name].timestamp())
        case "address":
            return {
                member: value[member] for member in ADDRESS_MEMBERS if value and value.get(member)
            }
        case "phone_number_verified":
            return value if values["phone_number"] else None
        case "sub":
            return str(value)
        case _:
            return value


def _has_verified_address(user: User) -> bool:
    return email_addresses.is_verified(user, user.email)
