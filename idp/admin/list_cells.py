"""`{% load list_cells %}`: the cells of a list, each with the name of its column."""

from collections.abc import Iterable, Iterator
from typing import Any

from django.template import Library
from django.utils.html import conditional_escape, escape
from django.utils.safestring import SafeString
from django.utils.text import capfirst

register = Library()


@register.filter
def labelled(cells: Iterable[str], headers: Iterable[dict[str, Any]]) -> Iterator[str]:
    """Yield the cells as Django's admin renders them, with their column's name as `data-label`.

    The cell with the link to the row needs none, nor does the box that selects the row.
    """
    for cell, header in zip(cells, headers, strict=False):
        rest = conditional_escape(cell).removeprefix("<td")
        if rest == cell or 'class="action-checkbox"' in rest:
            yield cell
        else:
            yield SafeString(f'<td data-label="{escape(capfirst(header["text"]))}"{rest}')
