"""A problem with client metadata."""

from typing import NamedTuple


class Problem(NamedTuple):
    """An error of a column, as a sentence in the current language."""

    column: str
    text: str
