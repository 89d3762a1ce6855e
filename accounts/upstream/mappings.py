"""What an upstream's claims become here: `Upstream.mapping`, as an operator declared it.

    claims: {given_name: first_name}            # our field: their claim; none for the usual ones
    attributes: {department: dept}              # an attribute of the operator's: their claim
    groups_claim: realm_access.roles            # where it says groups
    groups: {bakers: Bakers, head: Head bakers} # its value: our group

A claim's name with dots leads into objects, unless there is a claim of that very name.
"""

from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

#: The fields of a user that claims fill.
FIELDS = (
    *("name", "given_name", "middle_name", "family_name", "nickname", "preferred_username"),
    *("picture", "website", "profile", "gender", "birthdate", "locale", "zoneinfo"),
    "phone_number",
)
#: Those that are filled by claims of the same names where an operator has declared nothing.
USUAL = (*FIELDS[:7], "locale", "zoneinfo")
_MEMBERS = frozenset({"claims", "attributes", "groups_claim", "groups"})
_MOST_GROUPS = 1000
_MOST_ATTRIBUTES = 100
_LONGEST = 255


@dataclass(frozen=True)
class Taken:
    """What an identity's claims say, before the rules of fields and attributes judge it."""

    #: Texts by field.
    values: Mapping[str, str]
    #: Values of any type, by the operator's attribute.
    attributes: Mapping[str, Any]
    #: Names of our groups.
    groups: frozenset[str]


def read(mapping: Mapping[str, Any], claims: Mapping[str, Any]) -> Taken:
    """Return what these claims become by a mapping without problems.

    Empty claims count as absent, and so do those of another type than text where a field needs one.
    """
    said = {field: at(claims, claim) for field, claim in fields_of(mapping).items()}
    values = {field: text for field, text in said.items() if isinstance(text, str) and text}
    own = {name: at(claims, claim) for name, claim in mapping.get("attributes", {}).items()}
    attributes = {name: value for name, value in own.items() if value is not None and value != ""}
    groups = frozenset(group for _value, group in groups_of(mapping, claims) if group)
    return Taken(values, attributes, groups)


def fields_of(mapping: Mapping[str, Any]) -> Mapping[str, str]:
    """Return the claim that fills each field."""
    return mapping.get("claims") or {field: field for field in USUAL}


def groups_of(
    mapping: Mapping[str, Any], claims: Mapping[str, Any]
) -> Iterator[tuple[str, str | None]]:
    """Yield each value of the groups claim, and the group here that is declared for it, if any."""
    table = mapping.get("groups", {})
    said = at(claims, mapping.get("groups_claim", "")) if table else None
    for value in said if isinstance(said, list) else [said]:
        if isinstance(value, str):
            yield value, table.get(value)


def unknown_attributes(mapping: Mapping[str, Any], known: Container[str]) -> Iterator[str]:
    """Yield a sentence for each attribute of a mapping without problems that is not declared."""
    for name in sorted(mapping.get("attributes", {})):
        if name not in known:
            yield _("There is no attribute %(attribute)s.") % {"attribute": name}


def claims_read(mapping: Mapping[str, Any], claims: Mapping[str, Any]) -> dict[str, Any]:
    """Return the claims that a mapping reads, and of groups those that it knows, by their names."""
    texts = {claim: at(claims, claim) for claim in fields_of(mapping).values()}
    found: dict[str, Any] = {claim: it for claim, it in texts.items() if isinstance(it, str)}
    for claim in mapping.get("attributes", {}).values():
        if (said := at(claims, claim)) is not None:
            found[claim] = said
    if known := sorted({value for value, group in groups_of(mapping, claims) if group}):
        found[mapping["groups_claim"]] = known
    return found


def problems_with(mapping: Any) -> Iterator[str]:
    """Yield a sentence for each part of a mapping that can't be right."""
    if not isinstance(mapping, dict) or not mapping.keys() <= _MEMBERS:
        yield _("It has the members claims, attributes, groups_claim and groups.")
        return
    claims, attributes, groups = (
        mapping.get(name, {}) for name in ("claims", "attributes", "groups")
    )
    claim = mapping.get("groups_claim", "")
    if not all(map(_are_texts, (claims, attributes, groups))) or not isinstance(claim, str):
        yield _("Its claims, attributes and groups are texts, each with a text.")
        return
    for field in sorted(claims.keys() - set(FIELDS)):
        yield _("No claim can fill “%(field)s”.") % {"field": field}
    if len(attributes) > _MOST_ATTRIBUTES:
        yield _("At most %(most)d attributes can be mapped.") % {"most": _MOST_ATTRIBUTES}
    if len(groups) > _MOST_GROUPS:
        yield _("At most %(most)d groups can be mapped.") % {"most": _MOST_GROUPS}
    if groups and not claim:
        yield _("Name the claim that says which groups somebody has.")


def at(claims: Mapping[str, Any], name: str) -> Any:
    """Return the claim of this name, or None; dots lead into objects."""
    if name in claims:
        return claims[name]
    present: Any = claims
    for part in name.split("."):
        present = present.get(part) if isinstance(present, Mapping) else None
    return present


def _are_texts(pairs: Any) -> bool:
    return isinstance(pairs, dict) and all(
        isinstance(text, str) and 0 < len(text) <= _LONGEST
        for pair in pairs.items()
        for text in pair
    )
