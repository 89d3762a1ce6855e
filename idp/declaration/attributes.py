"""Attributes of users that the operator declares, as a file has them."""

from typing import Any

from django.db.models import QuerySet

from idp.declaration.members import refuse_other_types, refuse_unknown
from idp.declaration.plain_rows import plan_row, state_of_columns
from idp.declaration.steps import Step
from idp.models import Attribute

_COLUMNS = ("label", "labels", "type", "choices", "user_access")
_TYPES: dict[str, tuple[type, ...]] = {
    **dict.fromkeys(("label", "type", "user_access"), (str,)),
    "labels": (dict,),
    "choices": (list,),
}


def plan_attribute(entry: dict[str, Any]) -> tuple[Attribute, Step | None]:
    """Return an attribute as declared, and the step that makes it so. Raises DeclarationError."""
    what = f"attribute {entry['name']}"
    refuse_unknown(what, entry, {"name", *_COLUMNS})
    refuse_other_types(what, entry, _TYPES)
    stored = Attribute.objects.filter(name=entry["name"]).first()
    return plan_row(what, stored or Attribute(name=entry["name"]), entry, _COLUMNS)


def state(attribute: Attribute) -> dict[str, Any]:
    """Return the exportable members of an attribute."""
    return state_of_columns(attribute, _COLUMNS)


def defaults(_: Attribute) -> dict[str, Any]:
    """Return the defaults of an attribute."""
    return state(Attribute())


def rows() -> QuerySet[Attribute]:
    """Return the rows that are exported and pruned."""
    return Attribute.objects.order_by("name")
