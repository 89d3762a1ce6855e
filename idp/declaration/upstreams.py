"""Upstreams, the identity providers whose accounts sign in here, as a file declares them."""

from functools import partial
from typing import Any

from django.db.models import QuerySet

from accounts.models import Upstream
from accounts.upstream import kinds, mappings
from foundation.models import digest_of
from idp.declaration.change import differences
from idp.declaration.members import (
    DeclarationError,
    refuse_other_types,
    refuse_unknown,
    validate,
)
from idp.declaration.pictures import as_text, picture_of
from idp.declaration.steps import Step, step_for, updated
from idp.models.catalog import Catalog

_MARK = ("mark", "mark_digest")
#: Secrets are no members: a file names their environment variables.
_TYPES: dict[str, tuple[type, ...]] = {
    **dict.fromkeys(("name", "kind", "issuer", "client_id", "client_auth"), (str,)),
    **dict.fromkeys(("secret_variable", "scopes", "creation", "refresh"), (str,)),
    "sign_out_there": (str,),
    **dict.fromkeys(("enabled", "trusts_email"), (bool,)),
    "place": (int,),
    "email_domains": (list,),
    **dict.fromkeys(("settings", "mapping", "levels"), (dict,)),
}


def plan_upstream(entry: dict[str, Any], catalog: Catalog) -> tuple[Upstream, Step | None]:
    """Return an upstream as declared, and the step that makes it so. Raises DeclarationError."""
    what = f"upstream {entry['slug']}"
    refuse_unknown(what, entry, {"slug", "mark", *_TYPES})
    refuse_other_types(what, entry, {**_TYPES, "mark": (str,)})
    upstream = Upstream.objects.filter(slug=entry["slug"]).first()
    is_new = upstream is None
    upstream = upstream or Upstream(slug=entry["slug"])
    before = {} if is_new else state(upstream)
    for name, default in _columns(Upstream()).items():
        setattr(upstream, name, entry.get(name, default))
    present = bytes(upstream.mark)
    upstream.mark = picture_of(f"{what}: mark", entry.get("mark", ""), present)
    upstream.mark_digest = digest_of(upstream.mark)
    kind = kinds.named(upstream.kind)
    upstream.issuer = upstream.issuer or (kind.issuer if kind else "")
    validate(what, upstream)
    for problem in mappings.unknown_attributes(upstream.mapping, catalog.attributes):
        raise DeclarationError(f"{what}: mapping: {problem}")
    fields = differences(before, state(upstream))
    return upstream, step_for(what, fields, partial(_make, upstream, fields), is_new=is_new)


def state(upstream: Upstream) -> dict[str, Any]:
    """Return the members of an upstream for diffs and events: of its mark, the hash's beginning."""
    return {**_columns(upstream), "mark": upstream.mark_digest[:16]}


def exported(upstream: Upstream) -> dict[str, Any]:
    """Return the members of an upstream with its mark, as a file has them."""
    return {**_columns(upstream), "mark": as_text(bytes(upstream.mark))}


def defaults(_: Upstream) -> dict[str, Any]:
    """Return the defaults of an upstream."""
    return state(Upstream())


def rows() -> QuerySet[Upstream]:
    """Return the rows that are exported and pruned."""
    return Upstream.objects.order_by("slug")


def _make(planned: Upstream, fields: dict[str, tuple[Any, Any]]) -> None:
    if planned.pk is not None:
        planned = updated(planned, fields, state, (*_TYPES, *_MARK))
    planned.save()


def _columns(upstream: Upstream) -> dict[str, Any]:
    return {name: getattr(upstream, name) for name in _TYPES}
