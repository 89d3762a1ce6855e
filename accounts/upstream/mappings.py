"""What an upstream's claims become here: `Upstream.mapping`, as an operator declared it.

    claims: {given_name: first_name}            # our field: their claim; none for the usual ones
    groups_claim: realm_access.roles            # where it says groups
    groups: {bakers: Bakers, head: Head bakers} # its value: our group

A claim's name with dots leads into objects, unless there is a claim of that very name.
"""

from collections.abc import Iterator, Mapping
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
_MEMBERS = frozenset({"claims", "groups_claim", "groups"})
_MOST_GROUPS = 1000
_LONGEST = 255


@dataclass(frozen=True)
class Taken:
    """What an identity's claims say, before the fields' own rules judge it."""

    #: Texts by field.
    values: Mapping[str, str]
    #: Names of our groups.
    groups: frozenset[str]


def read(mapping: Mapping[str, Any], claims: Mapping[str, Any]) -> Taken:
    """Return what these claims become by a mapping without problems.

    Claims of another type than text, and empty ones, count as absent.
    """
    declared = mapping.get("claims") or {field: field for field in USUAL}
    found = {field: _at(claims, claim) for field, claim in declared.items()}
    values = {field: said for field, said in found.items() if isinstance(said, str) and said}
    return Taken(values, frozenset(_groups(mapping, claims)))


def told_of(mapping: Mapping[str, Any], claims: Mapping[str, Any]) -> dict[str, Any]:
    """Return the claims that a mapping reads, and of groups those that it knows, by their names."""
    declared = mapping.get("claims") or {field: field for field in USUAL}
    found = {claim: _at(claims, claim) for claim in declared.values()}
    told: dict[str, Any] = {claim: it for claim, it in found.items() if isinstance(it, str)}
    table, said = mapping.get("groups", {}), _at(claims, mapping.get("groups_claim", ""))
    if table and isinstance(said, list):
        texts = {value for value in said if isinstance(value, str)}
        told[mapping["groups_claim"]] = sorted(texts & table.keys())
    return told


def problems_with(mapping: Any) -> Iterator[str]:
    """Yield a sentence for each part of a mapping that can't be right."""
    if not isinstance(mapping, dict) or not mapping.keys() <= _MEMBERS:
        yield _("It has the members claims, groups_claim and groups.")
        return
    claims, groups = mapping.get("claims", {}), mapping.get("groups", {})
    claim = mapping.get("groups_claim", "")
    if not _are_texts(claims) or not _are_texts(groups) or not isinstance(claim, str):
        yield _("Its claims and groups are texts, each with a text.")
        return
    for field in sorted(claims.keys() - set(FIELDS)):
        yield _("No claim can fill “%(field)s”.") % {"field": field}
    if len(groups) > _MOST_GROUPS:
        yield _("At most %(most)d groups can be mapped.") % {"most": _MOST_GROUPS}
    if groups and not claim:
        yield _("Name the claim that says which groups somebody has.")


def _groups(mapping: Mapping[str, Any], claims: Mapping[str, Any]) -> Iterator[str]:
    table = mapping.get("groups", {})
    said = _at(claims, mapping.get("groups_claim", "")) if table else None
    for value in said if isinstance(said, list) else [said]:
        if isinstance(value, str) and value in table:
            yield table[value]


def _at(claims: Mapping[str, Any], name: str) -> Any:
    """Return a claim, or None."""
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
