"""Types of authorization details, as a file declares them."""

from functools import partial
from typing import Any

from django.db.models import QuerySet

from idp.declaration.change import differences
from idp.declaration.members import refuse_other_types, refuse_unknown, validate
from idp.declaration.steps import Step, step_for, updated
from idp.models import AuthorizationDetailsType

_TYPES: dict[str, tuple[type, ...]] = {
    "label": (str,),
    "labels": (dict,),
    "sentence": (str,),
    "sentences": (dict,),
    "schema": (dict,),
    "ask_each_time": (bool,),
    "open_to_self_registered": (bool,),
}


def plan_authorization_details_type(
    entry: dict[str, Any],
) -> tuple[AuthorizationDetailsType, Step | None]:
    """Return a type as declared, and the step that makes it so. Raises DeclarationError."""
    what = f"authorization details type {entry['type']}"
    refuse_unknown(what, entry, {"type", *_TYPES})
    refuse_other_types(what, entry, _TYPES)
    row = AuthorizationDetailsType.objects.filter(type=entry["type"]).first()
    is_new = row is None
    row = row or AuthorizationDetailsType(type=entry["type"])
    before = {} if is_new else state(row)
    for name, default in defaults(row).items():
        setattr(row, name, entry.get(name, default))
    validate(what, row)
    fields = differences(before, state(row))
    return row, step_for(what, fields, partial(_make, row, fields), is_new=is_new)


def _make(planned: AuthorizationDetailsType, fields: dict[str, tuple[Any, Any]]) -> None:
    if planned.pk is not None:
        planned = updated(planned, fields, state, tuple(_TYPES))
    planned.save()


def state(row: AuthorizationDetailsType) -> dict[str, Any]:
    """Return the exportable members of a type."""
    return {name: getattr(row, name) for name in _TYPES}


def defaults(_: AuthorizationDetailsType) -> dict[str, Any]:
    """Return the defaults of a type."""
    return state(AuthorizationDetailsType())


def rows() -> QuerySet[AuthorizationDetailsType]:
    """Return the rows that are exported and pruned."""
    return AuthorizationDetailsType.objects.order_by("type")
