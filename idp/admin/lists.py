"""Lists: which filters and orderings an address may use, and how far rows are counted.

An address can name any column and lookup to Django's admin, including secret columns and relations:
an operator who may see a list could read a password hash from it letter by letter. These lists
accept only their own filters and the columns that our own links name, with values that those
columns can hold. Everything else is refused before it reaches the database.
"""

from datetime import datetime
from functools import cached_property
from typing import Any

from django.contrib import admin
from django.contrib.admin.exceptions import DisallowedModelAdminLookup, DisallowedModelAdminToField
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.db.models import BooleanField, DateTimeField
from django.http import HttpRequest

#: Rows that are counted, and can be paged through; beyond, a search leads further.
COUNTED_AT_MOST = 10_000
#: Outside of these, a time in another zone may be no time in UTC.
_YEARS = range(2, 9999)


class BadListQuery(Exception):
    """A list's address has a filter or value that the list does not have."""


class BoundedPaginator(Paginator):  # type: ignore[type-arg]
    """Counts no further than COUNTED_AT_MOST, so that a list of millions opens as fast as any."""

    most = COUNTED_AT_MOST

    @cached_property
    def count(self) -> int:
        """Return how many rows can be paged through."""
        rows: Any = self.object_list
        return int(rows.order_by().values("pk")[: self.most].count())

    def validate_number(self, number: Any) -> int:
        """Return the page nearest to this number: rows may have gone since the link was made."""
        return min(max(int(number), 1), self.num_pages)

    def page(self, number: Any) -> Any:
        """Return a page; earlier pages are skipped by keys and not read.

        The first skips none, and a search is not to ask for its rows by two lists of keys at once:
        PostgreSQL would read the table.
        """
        page = super().page(number)
        if page.number == 1:
            return page
        shown: Any = page.object_list
        rows: Any = self.object_list
        page.object_list = rows.filter(pk__in=list(shown.values_list("pk", flat=True)))
        return page


class BoundedList(ChangeList):
    """A list with declared filters only, sorted by the page's `sortable_by` only."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        try:
            super().__init__(*args, **kwargs)
        except (
            DisallowedModelAdminLookup,
            DisallowedModelAdminToField,
            IncorrectLookupParameters,
        ) as error:
            raise BadListQuery(str(error)) from None

    def get_results(self, request: HttpRequest) -> None:
        """Find the rows of the page; beyond the last page, those of the last."""
        super().get_results(request)
        self.page_num = self.paginator.validate_number(self.page_num)

    def get_ordering_field(self, field_name: Any) -> Any:
        """Return the column for ordering, or None."""
        sortable = field_name in (self.sortable_by or ())
        return super().get_ordering_field(field_name) if sortable else None


def is_declared(page: Any, request: HttpRequest, lookup: str, value: Any) -> bool:
    """Whether a list has this filter, with this as one of its values.

    `page` is the model's admin; its `linked_by` names the columns that links to the list name.
    """
    column = page.model._meta.get_field
    if lookup in page.linked_by:
        return can_hold(column(lookup), value)
    for declared in page.get_list_filter(request):
        if isinstance(declared, type) and issubclass(declared, admin.SimpleListFilter):
            if declared.parameter_name == lookup:
                return _has_choice(declared, page, request, value)
            continue
        name = declared if isinstance(declared, str) else declared[0]
        if lookup in _lookups_of(name, column(name)):
            return can_hold(column(name), value)
    return False


def can_hold(field: Any, text: Any) -> bool:
    """Whether a column, or the one that a relation refers to, can hold a value written like this.

    A value that it can't hold is an error of the database on some databases (PostgreSQL: NUL).
    """
    field = getattr(field, "target_field", field)
    try:
        value = field.to_python(text)
        field.run_validators(value)
    except ValidationError:
        return False
    if isinstance(value, datetime) and value.year not in _YEARS:
        return False
    if field.choices and value not in dict(field.flatchoices):
        return False
    return "\0" not in str(text)


def _lookups_of(name: str, field: Any) -> tuple[str, ...]:
    """Return the lookups that Django's filter for this kind of column puts into its links."""
    if isinstance(field, DateTimeField):
        return (f"{name}__gte", f"{name}__lt")
    listed = isinstance(field, BooleanField) or field.choices
    return (f"{name}__exact",) if listed else (name,)


def _has_choice(
    declared: type[admin.SimpleListFilter], page: Any, request: HttpRequest, value: Any
) -> bool:
    choices = declared(request, {}, page.model, page).lookup_choices
    return value in {str(choice) for choice, _label in choices}
