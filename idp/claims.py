"""Claims about a user: by scopes, or requested one by one. OIDC Core §5.

A user's values are in one language, that of their `locale`: a claim requested in a language
(`name#de`, §5.2) is returned if it is that one, and `claims_locales` has no effect.
"""

from collections.abc import Container, Iterable, Mapping
from typing import Any

from django.contrib.auth.models import Group

from accounts.models import User
from idp import policy
from idp.claim_sources import configured, delivery
from idp.clients.roles import roles_of
from idp.models import Grant, Scope
from idp.models.scope import CLAIMS_PROVIDER, Source
from idp.protocol.languages import is_within, tagged
from idp.protocol.vocabulary import ADDRESS_MEMBERS, GROUPS, PROTOCOL_CLAIMS, ROLES
from idp.staff_groups import STAFF_GROUPS
from idp.statements.bearers import values_of

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


def supported() -> tuple[str, ...]:
    """Return every claim that can be delivered, for discovery's `claims_supported`."""
    return (*_SUPPORTED, *configured.claims())


def claims_for(
    values: Mapping[str, Any],
    scopes: frozenset[str],
    names: Iterable[str] = (),
    *,
    client_id: str,
    asserted: bool = True,
) -> dict[str, Any]:
    """Return the claims that the scopes show, and those of these names; never an empty one.

    `values` are of `statements.user_values`. Groups, roles and operators' own claims are looked up
    only if one is among the claims. `client_id` is the client that receives them: roles are those
    at this client. Claims that others assert are left out unless `asserted` (OIDC Core §5.6.2).
    """
    return _filled(_wanted(scopes, names), values, client_id, asserted=asserted)


def id_token_claims(
    grant: Grant, client_id: str, scopes: frozenset[str], *, alone: bool
) -> dict[str, Any]:
    """Return the claims about the user that go into the ID token. OIDC Core §5.4, §5.5.

    Those that the scopes show, and those requested for it one by one. Protocol claims of a token
    are not among them. Claims of scopes that others assert are, if it comes `alone`: otherwise they
    are at UserInfo, since their access tokens should not be in addresses (`id_token_hint`).
    """
    names = grant.claims.get("id_token", ())
    wanted = {
        name: source
        for name, source in _wanted(scopes, names).items()
        if name not in PROTOCOL_CLAIMS
        and (alone or name in names or source is None or not source.is_asserted)
    }
    if not wanted:
        return {}
    return _filled(wanted, _values(grant.user_id, wanted), client_id, asserted=True)


def access_token_claims(user_id: int, client_id: str, names: Iterable[str]) -> dict[str, Any]:
    """Return those of these claims about a user that go into a JWT access token.

    RFC 9068 §2.2.2, §2.2.3. Claims that others assert are not among them.
    """
    wanted = _wanted(frozenset(), names)
    return _filled(wanted, _values(user_id, wanted), client_id, asserted=False)


def _values(user_id: int, wanted: Mapping[str, Source | None]) -> dict[str, Any]:
    """Return the values that these claims need: groups and roles are no columns of a user."""
    return values_of(user_id) if wanted.keys() - {GROUPS, ROLES} else {"id": user_id}


def _wanted(scopes: frozenset[str], names: Iterable[str]) -> dict[str, Source | None]:
    """Return the claims that scopes show or that are named; the sources of operators' own."""
    names = tuple(names)
    own = _own_sources(scopes, names) if names or scopes - _STANDARD_SCOPES else {}
    shown = (
        name
        for scope, of_scope in policy.SCOPE_CLAIMS.items()
        if scope in scopes
        for name in of_scope
    )
    # One of an operator's scope may be named, and gone since.
    standard = (name for name in names if tagged(name)[0] in _STANDARD)
    return {name: own.get(name) if own else None for name in (*shown, *own, *standard)}


def _filled(
    wanted: Mapping[str, Source | None],
    values: Mapping[str, Any],
    client_id: str,
    *,
    asserted: bool,
) -> dict[str, Any]:
    """Return the wanted claims that have a value, and those that others assert if `asserted`."""
    claims: dict[str, Any] = {}
    for name, source in wanted.items():
        base, tag = tagged(name) if "#" in name else (name, None)
        if tag is None or is_within(values["locale"], tag):
            value = _sourced(source, values) if source else _value(base, values, client_id)
            if value not in _NOTHING:
                claims[name] = value
    elsewhere = frozenset(name for name, source in wanted.items() if source and source.is_asserted)
    if elsewhere and asserted:
        user = User.objects.get(pk=values["id"])
        claims |= delivery.members(user, client_id, elsewhere)
    return claims


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
    groups = Group.objects.filter(user=user_id).exclude(name__in=STAFF_GROUPS)
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
        case "attribute":
            return values["attributes"].get(source.argument)
        case "claims provider":
            return None  # not the value, but where it is found, goes out
        case _:
            return _value(source.argument, values)


def _value(name: str, values: Mapping[str, Any], client_id: str = "") -> Any:
    """Return the value of a claim; roles are those at the client that receives it."""
    if name == GROUPS:
        return groups_of(values["id"])
    if name == ROLES:
        return roles_of(values["id"], client_id)
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
