"""Scopes of the operator's own, as a file declares them."""

from functools import partial
from typing import Any

from django.db.models import QuerySet

from idp.declaration.members import refuse_other_types, refuse_unknown
from idp.declaration.plain_rows import plan_row, state_of_columns
from idp.declaration.steps import Step
from idp.models import Scope
from idp.models.catalog import Catalog

_TYPES: dict[str, tuple[type, ...]] = {"description": (str,), "claims": (dict,)}


def plan_scope(entry: dict[str, Any], *, catalog: Catalog) -> tuple[Scope, Step | None]:
    """Return a scope as declared, and the step that makes it so. Raises DeclarationError."""
    what = f"scope {entry['name']}"
    refuse_unknown(what, entry, {"name", *_TYPES})
    refuse_other_types(what, entry, _TYPES)
    scope = Scope.objects.filter(name=entry["name"]).first() or Scope(name=entry["name"])
    return plan_row(what, scope, entry, _TYPES, partial(scope.clean, catalog))


def state(scope: Scope) -> dict[str, Any]:
    """Return the exportable members of a scope."""
    return state_of_columns(scope, _TYPES)


def defaults(_: Scope) -> dict[str, Any]:
    """Return the defaults of a scope."""
    return state(Scope())


def rows() -> QuerySet[Scope]:
    """Return the rows that are exported and pruned."""
    return Scope.objects.order_by("name")
