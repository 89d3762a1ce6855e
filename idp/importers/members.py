"""Members of foreign records: taken where they have the right type, as text where text is due."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

_WORD_BEGINS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_NO_NAME = re.compile(r"[^a-z0-9_]+")


def text(value: Any) -> str:
    """Return a text without spaces around it; empty for anything else."""
    return value.strip() if isinstance(value, str) else ""


def mapping(value: Any) -> dict[str, Any]:
    """Return a mapping; an empty one for anything else."""
    return value if isinstance(value, dict) else {}


def texts(value: Any) -> list[str]:
    """Return the texts of a list; none for anything else."""
    return [it for it in value if isinstance(it, str)] if isinstance(value, list) else []


def mappings(value: Any) -> list[dict[str, Any]]:
    """Return the mappings of a list; none for anything else."""
    return [it for it in value if isinstance(it, dict)] if isinstance(value, list) else []


def filled(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Return an entry without members that are empty; false and 0 stay."""
    return {
        name: it for name, it in entry.items() if it not in (None, "") and it != [] and it != {}
    }


def attribute_name(name: str) -> str:
    """Return a name of an attribute as ours are written: `costCenter` is `cost_center`."""
    return _NO_NAME.sub("_", _WORD_BEGINS.sub("_", name).lower()).strip("_")


def exact_uris(uris: Iterable[str], notes: list[str], what: str) -> list[str]:
    """Return the URIs that are one address each; a note tells of each that has a wildcard."""
    taken = []
    for uri in dict.fromkeys(uris):
        if "*" in uri or not uri:
            notes.append(f"{what} {uri} is not taken: each has to be one whole address here.")
        else:
            taken.append(uri)
    return taken


def application_type_of(uris: Iterable[str]) -> str:
    """Return `native` where a redirect URI is an app's own, else `web`. RFC 8252 §7."""
    return "native" if any(not uri.startswith(("https:", "http:")) for uri in uris) else "web"
