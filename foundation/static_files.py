"""Static files that `collectstatic` has copied, and whether they are those of this version."""

import filecmp
from pathlib import Path

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders


def outdated() -> list[str]:
    """Return the names of the static files whose copy in STATIC_ROOT is missing or differs."""
    root = Path(settings.STATIC_ROOT or "")
    found: dict[str, str] = {}
    for finder in get_finders():
        for name, storage in finder.list([]):
            found.setdefault(name, storage.path(name))  # of two, the first is copied
    return [name for name, path in found.items() if not _is_the_same(path, root / name)]


def _is_the_same(path: str, copy: Path) -> bool:
    return copy.is_file() and filecmp.cmp(path, copy, shallow=False)
