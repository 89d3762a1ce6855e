"""The attributes that an operator has declared, as targets of claims. `idp` knows their rules."""

from collections.abc import Callable, Mapping
from typing import Any

#: Returns what a claim says as a value of one attribute. Raises ValidationError.
Cleaner = Callable[[Any], Any]
Source = Callable[[], Mapping[str, Cleaner]]

_sources: list[Source] = []


def register(source: Source) -> None:
    """Make known what returns the cleaners of all declared attributes, by name."""
    _sources[:] = [source]


def declared() -> dict[str, Cleaner]:
    """Return the cleaners of all declared attributes, by name."""
    return {name: clean for source in _sources for name, clean in source().items()}
