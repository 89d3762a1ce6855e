"""The operator's brand, as a file declares it: one mapping instead of a list."""

from collections.abc import Collection, Iterator
from functools import partial
from typing import Any

from django.db.models import QuerySet

from foundation import branding
from foundation.models import Brand, digest_of
from idp.declaration.change import Change, Outcome, differences
from idp.declaration.members import refuse_other_types, refuse_unknown, validate
from idp.declaration.pictures import as_text, picture_of
from idp.declaration.steps import Step, updated

_TEXTS = (
    *("name", "accent_color", "help_uri", "policy_uri", "tos_uri", "imprint_uri"),
    *("sender_name", "footer_text"),
)
_MARKS = ("mark", "dark_mark")
_COLUMNS = (*_TEXTS, *_MARKS)


def plan_brand(entry: dict[str, Any]) -> tuple[Brand, Step | None]:
    """Return the brand as declared, and the step that makes it so. Raises DeclarationError."""
    what = f"brand {entry['name']}"
    refuse_unknown(what, entry, _COLUMNS)
    refuse_other_types(what, entry, dict.fromkeys(_COLUMNS, (str,)))
    stored = Brand.objects.first()
    brand = stored or Brand()
    before = state(stored) if stored else {}
    for column in _TEXTS:
        setattr(brand, column, entry.get(column, ""))
    for column in _MARKS:
        present = bytes(getattr(brand, column))
        setattr(brand, column, picture_of(f"{what}: {column}", entry.get(column, ""), present))
    validate(what, brand)
    fields = differences(before, state(brand))
    if not fields and stored:
        return brand, None
    change = Change(what, Outcome.CHANGED if stored else Outcome.ADDED, fields)
    return brand, Step(change, partial(_make, brand, fields, is_new=stored is None))


def pruned(declared: Collection[str]) -> Iterator[tuple[str, Step]]:
    """Return the step that deletes the brand, if the file has an empty one."""
    brand = None if declared else Brand.objects.first()
    if brand is not None:
        change = Change(f"brand {brand.name}", Outcome.REMOVED, differences(state(brand), {}))
        yield brand.name, Step(change, partial(_delete, brand))


def state(brand: Brand) -> dict[str, Any]:
    """Return the members of the brand for diffs and events: of marks, the beginning of a hash."""
    texts = {column: getattr(brand, column) for column in _TEXTS}
    return texts | {column: digest_of(bytes(getattr(brand, column)))[:16] for column in _MARKS}


def exported(brand: Brand) -> dict[str, Any]:
    """Return the members of the brand with its marks, as a file has them."""
    return state(brand) | {column: as_text(bytes(getattr(brand, column))) for column in _MARKS}


def defaults(_: Brand) -> dict[str, Any]:
    """Return the defaults of a brand."""
    return state(Brand())


def rows() -> QuerySet[Brand]:
    """Return the row, if there is one."""
    return Brand.objects.order_by("id")


def _make(planned: Brand, fields: dict[str, tuple[Any, Any]], *, is_new: bool) -> None:
    if is_new:
        planned.save(force_insert=True)
    else:
        updated(planned, fields, state, _COLUMNS).save()
    branding.forget()


def _delete(brand: Brand) -> None:
    brand.delete()
    branding.forget()
