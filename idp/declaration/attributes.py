"""Attributes of users that the operator declares, as a file has them."""

from functools import partial
from typing import Any

from django.db.models import QuerySet

from idp.declaration.change import differences
from idp.declaration.members import refuse_other_types, refuse_unknown, validate
from idp.declaration.steps import Step, step_for, updated
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
    attribute = Attribute.objects.filter(name=entry["name"]).first()
    is_new = attribute is None
    attribute = attribute or Attribute(name=entry["name"])
    before = {} if is_new else state(attribute)
    for name, default in defaults(attribute).items():
        setattr(attribute, name, entry.get(name, default))
    validate(what, attribute)
    fields = differences(before, state(attribute))
    return attribute, step_for(what, fields, partial(_make, attribute, fields), is_new=is_new)


def _make(planned: Attribute, fields: dict[str, tuple[Any, Any]]) -> None:
    if planned.pk is not None:
        planned = updated(planned, fields, state, _COLUMNS)
    planned.save()


def state(attribute: Attribute) -> dict[str, Any]:
    """Return the exportable members of an attribute."""
    return {name: getattr(attribute, name) for name in _COLUMNS}


def defaults(_: Attribute) -> dict[str, Any]:
    """Return the defaults of an attribute."""
    return state(Attribute())


def rows() -> QuerySet[Attribute]:
    """Return the rows that are exported and pruned."""
    return Attribute.objects.order_by("name")
