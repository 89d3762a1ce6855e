"""A problem with client metadata."""

from typing import NamedTuple


class Problem(NamedTuple):
    """What is wrong with a column, as a sentence in the current language."""

    column: str
    text: str
