"""Scopes of the operator's own, as a file declares them."""

from functools import partial
from typing import Any

from django.db.models import QuerySet

from idp.declaration.change import differences
from idp.declaration.members import refuse_other_types, refuse_unknown, validate
from idp.declaration.steps import Step, step_for, updated
from idp.models import Scope
from idp.models.catalog import Catalog

_COLUMNS = ("description", "claims")


def plan_scope(entry: dict[str, Any], *, catalog: Catalog) -> tuple[Scope, Step | None]:
    """Return a scope as declared, and the step that makes it so. Raises DeclarationError."""
    what = f"scope {entry['name']}"
    refuse_unknown(what, entry, {"name", *_COLUMNS})
    refuse_other_types(what, entry, {"description": (str,), "claims": (dict,)})
    scope = Scope.objects.filter(name=entry["name"]).first()
    is_new = scope is None
    scope = scope or Scope(name=entry["name"])
    before = {} if is_new else state(scope)
    scope.description = entry.get("description", "")
    scope.claims = entry.get("claims", {})
    validate(what, scope, clean=partial(scope.clean, catalog))
    fields = differences(before, state(scope))
    return scope, step_for(what, fields, partial(_make, scope, fields), is_new=is_new)


def _make(planned: Scope, fields: dict[str, tuple[Any, Any]]) -> None:
    if planned.pk is not None:
        planned = updated(planned, fields, state, _COLUMNS)
    planned.save()


def state(scope: Scope) -> dict[str, Any]:
    """Return the exportable members of a scope."""
    return {"description": scope.description, "claims": scope.claims}


def defaults(_: Scope) -> dict[str, Any]:
    """Return the defaults of a scope."""
    return state(Scope())


def rows() -> QuerySet[Scope]:
    """Return the rows that are exported and pruned."""
    return Scope.objects.order_by("name")
