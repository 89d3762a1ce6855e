"""Types of authorization details, as a file declares them."""

from typing import Any

from django.db.models import QuerySet

from idp.declaration.members import refuse_other_types, refuse_unknown
from idp.declaration.plain_rows import plan_row, state_of_columns
from idp.declaration.steps import Step
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
    stored = AuthorizationDetailsType.objects.filter(type=entry["type"]).first()
    return plan_row(
        what, stored or AuthorizationDetailsType(type=entry["type"]), entry, tuple(_TYPES)
    )


def state(row: AuthorizationDetailsType) -> dict[str, Any]:
    """Return the exportable members of a type."""
    return state_of_columns(row, _TYPES)


def defaults(_: AuthorizationDetailsType) -> dict[str, Any]:
    """Return the defaults of a type."""
    return state(AuthorizationDetailsType())


def rows() -> QuerySet[AuthorizationDetailsType]:
    """Return the rows that are exported and pruned."""
    return AuthorizationDetailsType.objects.order_by("type")
