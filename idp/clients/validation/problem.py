"""A problem with client metadata."""

from typing import NamedTuple


class Problem(NamedTuple):
    """What is wrong with a column, in the language of whoever reads it."""

    column: str
    text: str
